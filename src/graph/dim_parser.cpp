#include "graph/dim_parser.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace kiln {
namespace {

constexpr int max_nesting = 100;  // of parentheses; what Dim::str() writes stays below it
constexpr int64_t max_power = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '@' || c == '#' || c == ':' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '.'; }

/// A quotient that has not been rounded yet: "h/2 - 1/2" inside floor(...).
struct Ratio {
  Dim numerator;
  Dim denominator = 1;

  bool is_whole() const { return denominator == Dim(1); }
};

/// A recursive descent parser; every function returns nothing if the text does not fit the grammar.
class DimParser {
 public:
  explicit DimParser(std::string_view text) : rest_(text) {}

  std::optional<Dim> parse_all() {
    std::optional<Ratio> result = parse_sum();
    skip_space();
    if (!result || !rest_.empty() || !result->is_whole() || result->numerator.is_unknown()) {
      return std::nullopt;
    }
    return result->numerator;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }

  bool take(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) {
      return false;
    }
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<Ratio> parse_sum() {
    if (nesting_ >= max_nesting) {
      return std::nullopt;
    }
    ++nesting_;
    std::optional<Ratio> sum = parse_product(take("-"));
    while (sum) {
      const bool negative = take("-");
      if (!negative && !take("+")) {
        break;
      }
      const std::optional<Ratio> term = parse_product(negative);
      sum = term ? std::optional(add(*sum, *term)) : std::nullopt;
    }
    --nesting_;
    return sum;
  }

  static Ratio add(const Ratio& a, const Ratio& b) {
    if (a.denominator == b.denominator) {
      return {a.numerator + b.numerator, a.denominator};
    }
    return {a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator};
  }

  // The sign goes into the first factor, so that the smallest integer, whose magnitude is no integer, can be read.
  std::optional<Ratio> parse_product(bool negative) {
    std::optional<Ratio> product = parse_power(negative);
    while (product) {
      const bool floored = take("//");
      const bool divided = floored || take("/");
      if (!divided && !take("*")) {
        break;
      }
      const std::optional<Ratio> factor = parse_power(false);
      if (!factor || (divided && factor->numerator == Dim(0))) {
        return std::nullopt;
      }
      if (divided) {
        product = Ratio{product->numerator * factor->denominator, product->denominator * factor->numerator};
      } else {
        product = Ratio{product->numerator * factor->numerator, product->denominator * factor->denominator};
      }
      if (floored) {
        product = Ratio{floor_div(product->numerator, product->denominator)};
      }
    }
    return product;
  }

  std::optional<Ratio> parse_power(bool negative) {
    std::optional<Ratio> base = parse_factor(negative);
    if (!base || !take("**")) {
      return base;
    }
    skip_space();
    const std::optional<uint64_t> power = parse_digits();
    if (!power || *power < 1 || *power > max_power) {
      return std::nullopt;
    }
    Ratio result = *base;
    for (uint64_t i = 1; i < *power; ++i) {
      result = {result.numerator * base->numerator, result.denominator * base->denominator};
    }
    const bool lost_sign = negative && *power % 2 == 0;
    return lost_sign ? Ratio{0 - result.numerator, result.denominator} : result;
  }

  std::optional<Ratio> parse_factor(bool negative) {
    skip_space();
    if (rest_.empty()) {
      return std::nullopt;
    }
    if (is_digit(rest_.front())) {
      return parse_number(negative);
    }
    std::optional<Ratio> factor;
    if (take("(")) {
      factor = parse_sum();
      if (!take(")")) {
        return std::nullopt;
      }
    } else if (rest_.front() == '\'') {
      factor = parse_quoted();
    } else if (is_name_start(rest_.front())) {
      factor = parse_name();
    }
    if (factor && negative) {
      factor->numerator = 0 - factor->numerator;
    }
    return factor;
  }

  std::optional<uint64_t> parse_digits() {
    if (rest_.empty() || !is_digit(rest_.front())) {
      return std::nullopt;
    }
    uint64_t value = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, static_cast<uint64_t>(rest_.front() - '0'), &value)) {
        return std::nullopt;
      }
      rest_.remove_prefix(1);
    }
    if (!rest_.empty() && is_name_part(rest_.front())) {
      return std::nullopt;
    }
    return value;
  }

  std::optional<Ratio> parse_number(bool negative) {
    const std::optional<uint64_t> magnitude = parse_digits();
    const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
    if (!magnitude || *magnitude > limit) {
      return std::nullopt;
    }
    return Ratio{static_cast<int64_t>(negative ? 0 - *magnitude : *magnitude)};
  }

  std::optional<Ratio> parse_quoted() {
    rest_.remove_prefix(1);
    std::string name;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '\'') {
        if (rest_.empty() || rest_.front() != '\'') {
          return name.empty() ? std::nullopt : std::optional(Ratio{Dim::symbol(name)});
        }
        rest_.remove_prefix(1);
      }
      name += c;
    }
    return std::nullopt;
  }

  std::optional<Ratio> parse_name() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_name_part);
    const std::string_view name = rest_.substr(0, static_cast<size_t>(end - rest_.begin()));
    rest_.remove_prefix(name.size());
    if (!take("(")) {
      return Ratio{Dim::symbol(name)};
    }
    std::optional<Ratio> result = parse_sum();
    const bool is_max = name == "max" || name == "Max";
    if (is_max || name == "min" || name == "Min") {
      while (result && result->is_whole() && take(",")) {
        const std::optional<Ratio> other = parse_sum();
        if (!other || !other->is_whole()) {
          return std::nullopt;
        }
        const Dim& a = result->numerator;
        result->numerator = is_max ? max(a, other->numerator) : min(a, other->numerator);
      }
      if (result && !result->is_whole()) {
        return std::nullopt;
      }
    } else if (result && name == "floor") {
      result = Ratio{floor_div(result->numerator, result->denominator)};
    } else if (result && (name == "ceil" || name == "ceiling")) {
      result = Ratio{ceil_div(result->numerator, result->denominator)};
    } else {
      return std::nullopt;
    }
    return take(")") ? result : std::nullopt;
  }

  std::string_view rest_;
  int nesting_ = 0;
};

}  // namespace

std::optional<Dim> parse_dim_expression(std::string_view text) { return DimParser(text).parse_all(); }

bool is_plain_symbol_name(std::string_view text) {
  return !text.empty() && is_name_start(text.front()) && std::all_of(text.begin(), text.end(), is_name_part);
}

}  // namespace kiln
