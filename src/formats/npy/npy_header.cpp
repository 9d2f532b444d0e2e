#include "formats/npy/npy_header.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"

namespace kiln {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t max_rank = 64;  // NumPy's own bound
constexpr size_t alignment = 64;

/// Reads the Python literal "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  NpyHeader parse() {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<Shape> shape;
    expect("{");
    while (!take("}")) {
      const std::string key = parse_string();
      expect(":");
      if (key == "descr" && !descr) {
        descr = parse_descr();
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = parse_bool();
      } else if (key == "shape" && !shape) {
        shape = parse_shape();
      } else {
        fail(ErrorCode::invalid_data, "the .npy header has a surplus key '{}'", key);
      }
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) {
      fail_at("the end of the header");
    }
    if (!descr || !fortran_order || !shape) {
      fail(ErrorCode::invalid_data, "the .npy header lacks its key '{}'",
           !descr ? "descr" : (!shape ? "shape" : "fortran_order"));
    }
    return {std::move(*descr), *fortran_order, std::move(*shape)};
  }

 private:
  [[noreturn]] void fail_at(std::string_view wanted) const {
    std::string found(rest_.substr(0, 20));
    std::replace_if(
        found.begin(), found.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    fail(ErrorCode::invalid_data, "the .npy header is malformed: expected {}, found {}", wanted,
         found.empty() ? "the end of the header" : "'" + found + "'");
  }

  void skip_space() {
    const size_t begin = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(begin == std::string_view::npos ? rest_.size() : begin);
  }

  bool take(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) {
      return false;
    }
    rest_.remove_prefix(token.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) {
      fail_at(token);
    }
  }

  std::string parse_string() {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '\'' && quote != '"') {
      fail_at("a quoted string");
    }
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos || end > 64 || rest_.substr(0, end).find('\\') != std::string_view::npos) {
      fail_at("a short quoted string");
    }
    std::string value(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return value;
  }

  std::string parse_descr() {
    skip_space();
    if (rest_.starts_with("[") || rest_.starts_with("(")) {
      fail(ErrorCode::unsupported, "a .npy file with structured elements cannot be read; save each field by itself");
    }
    return parse_string();
  }

  bool parse_bool() {
    if (take("True")) return true;
    if (take("False")) return false;
    fail_at("True or False");
  }

  Shape parse_shape() {
    Shape shape;
    expect("(");
    while (!take(")")) {
      if (shape.size() == max_rank) {
        fail(ErrorCode::invalid_data, "the .npy header has a shape of more than {} dims", max_rank);
      }
      shape.push_back(parse_dim());
      if (!take(",")) {
        expect(")");
        break;
      }
    }
    return shape;
  }

  int64_t parse_dim() {
    skip_space();
    int64_t value = 0;
    size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, rest_[digits] - '0', &value)) {
        fail_at("a dim that fits in 64 bits");
      }
    }
    if (digits == 0) {
      fail_at("a dim");
    }
    rest_.remove_prefix(digits);
    take("L");  // as Python 2 wrote long integers
    return value;
  }

  std::string_view rest_;
};

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(magic) || text.size() < magic.size() + 2) {
    fail(ErrorCode::invalid_data, "this is no .npy file: it does not begin with \\x93NUMPY and a version");
  }
  const int major = static_cast<uint8_t>(text[6]);
  if (major < 1 || major > 3) {
    fail(ErrorCode::unsupported, "the .npy file has version {}.{}; versions 1 to 3 can be read", major,
         static_cast<uint8_t>(text[7]));
  }
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t begin = magic.size() + 2 + length_bytes;
  size_t length = 0;
  if (text.size() >= begin) {
    for (size_t i = 0; i < length_bytes; ++i) {
      length |= static_cast<size_t>(static_cast<uint8_t>(text[8 + i])) << (8 * i);
    }
  }
  if (text.size() < begin || text.size() - begin < length) {
    fail(ErrorCode::invalid_data, "the .npy file is cut off in its header: it has {} bytes, the header {}", text.size(),
         begin + length);
  }
  NpyHeader header = HeaderParser(text.substr(begin, length)).parse();
  header.data_offset = begin + length;
  return header;
}

std::string format_npy_header(std::string_view descr, const Shape& shape) {
  std::string dict = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i) {
    dict += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  dict += shape.size() == 1 ? ",), }" : "), }";
  const bool long_form = dict.size() + alignment > 65535;
  const size_t begin = magic.size() + 2 + (long_form ? 4 : 2);
  const size_t total = (begin + dict.size() + 1 + alignment - 1) / alignment * alignment;
  dict.resize(total - begin - 1, ' ');
  dict += '\n';

  std::string out(magic);
  out += long_form ? '\2' : '\1';
  out += '\0';
  for (size_t i = 0; i < begin - magic.size() - 2; ++i) {
    out += static_cast<char>(dict.size() >> (8 * i) & 0xFF);
  }
  return out + dict;
}

}  // namespace kiln
