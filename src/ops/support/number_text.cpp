#include "ops/support/number_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "ops/support/convert.hpp"

namespace kiln::ops {
namespace {

/// d.ddde-xx, with the fewest digits that tell the number from its neighbours in its own type.
std::string shortest_scientific(double value, DType dtype) {
  std::array<char, 64> buffer;
  char* const begin = buffer.data();
  char* const end = begin + buffer.size();
  if (dtype == DType::f64) return {begin, std::to_chars(begin, end, value, std::chars_format::scientific).ptr};
  const auto single = static_cast<float>(value);
  if (dtype != DType::f32) {
    const WidenLoop widen = widen_loop(dtype);
    const NarrowLoop narrow = narrow_loop(DType::f64, dtype);
    for (int digits = 0; digits < 9; ++digits) {
      const char* last = std::to_chars(begin, end, value, std::chars_format::scientific, digits).ptr;
      double read = 0;
      std::from_chars(begin, last, read);
      uint16_t stored = 0;
      float back = 0;
      narrow(&read, &stored, 1, {});
      widen(&stored, 1, &back, 1);
      if (back == single) return {begin, static_cast<size_t>(last - begin)};
    }
  }
  return {begin, std::to_chars(begin, end, single, std::chars_format::scientific).ptr};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\n\v\f\r";
  const size_t first = text.find_first_not_of(spaces);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return result;
}

std::string_view without_plus(std::string_view text) {
  const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+';
  return plus ? text.substr(1) : text;
}

template <class Integer>
Integer read_integer(std::string_view text) {
  const std::string_view digits = without_plus(trimmed(text));
  Integer value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc() && end == digits.data() + digits.size()) return value;
  return float_to_int<Integer>(read_float(text));
}

}  // namespace

std::string float_text(double value, DType dtype) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const std::string scientific = shortest_scientific(value, dtype);
  const size_t e = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(e + 1));
  const std::string sign = scientific[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : scientific.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  if (exponent < -4 || exponent >= 16) {
    const std::string fraction = digits.size() > 1 ? "." + digits.substr(1) : "";
    return sign + digits[0] + fraction + scientific.substr(e);
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

double read_float(std::string_view text) {
  const std::string number = lower(without_plus(trimmed(text)));
  const char* const end = number.data() + number.size();
  double value = 0;
  const auto result = std::from_chars(number.data(), end, value);
  if (number.empty() || result.ptr != end || result.ec == std::errc::invalid_argument) {
    fail(ErrorCode::invalid_argument, "the text '{}' is not a number", text.substr(0, 40));
  }
  if (result.ec == std::errc::result_out_of_range) {
    // Too large for a double or too small; a wider type nearly always tells which.
    long double wide = 0;
    const auto second = std::from_chars(number.data(), end, wide);
    const bool small = second.ec == std::errc() ? std::fabs(wide) < 1 : number.find("e-") != std::string::npos;
    const double magnitude = small ? 0 : HUGE_VAL;
    return number[0] == '-' ? -magnitude : magnitude;
  }
  return value;
}

int64_t read_signed(std::string_view text) { return read_integer<int64_t>(text); }
uint64_t read_unsigned(std::string_view text) { return read_integer<uint64_t>(text); }

bool read_boolean(std::string_view text) {
  const std::string word = lower(trimmed(text));
  if (word == "true") return true;
  return word != "false" && read_float(text) != 0;
}

}  // namespace kiln::ops
