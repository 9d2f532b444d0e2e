#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// One extent of a shape: a number, an expression over named symbols ("batch", "2*h+1", "floor(h/2)"), or unknown.
///
/// Expressions are kept in one canonical form, so that == means "provably equal": integer polynomials over atoms,
/// where an atom is a symbol or an opaque floor division, ceiling division, maximum or minimum of expressions.
/// Division by a number is reduced as far as it goes, so that floor((h-1)/2)+1 and ceil(h/2) are both floor((h+1)/2).
/// An unknown dim equals nothing, not even itself; arithmetic with it gives an unknown dim, and so does overflow, or an
/// expression that grows past a fixed bound (64 terms).
class Dim {
 public:
  Dim() = default;                                             ///< unknown
  Dim(int64_t value) : kind_(Kind::number), number_(value) {}  // NOLINT(google-explicit-constructor): a number is a dim
  static Dim symbol(std::string_view name);                    ///< an empty name gives unknown

  bool is_unknown() const { return kind_ == Kind::unknown; }
  bool is_known() const { return kind_ == Kind::number; }  ///< a plain number
  bool is_symbolic() const { return !is_unknown() && !is_known(); }
  int64_t value() const;  ///< the number; an internal error unless is_known()

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend Dim floor_div(const Dim& a, const Dim& b);  ///< exact where b divides every coefficient; b == 0 gives unknown
  friend Dim ceil_div(const Dim& a, const Dim& b);
  friend Dim max(const Dim& a, const Dim& b);
  friend Dim min(const Dim& a, const Dim& b);
  friend bool operator==(const Dim& a, const Dim& b);

  /// The value under these symbols' values; nothing if a symbol is missing, on overflow, or for an unknown dim.
  std::optional<int64_t> evaluate(const std::map<std::string, int64_t>& symbols) const;
  Dim substitute(const std::map<std::string, Dim>& symbols) const;
  void collect_symbols(std::vector<std::string>& out) const;  ///< appends each name that is not in `out` yet

  /// "3", "batch", "2*h+1", "floor((h+1)/2)", "?" for unknown. parse(str()) gives the same dim back. A symbol whose
  /// name could be misread inside an expression is quoted: 2*'batch size', with a quote in it doubled.
  std::string str() const;
  /// Reads what str() writes, and what exporters write: "floor(h/2 - 1/2) + 1", "s0//2", "h**2", "Max(1, h)".
  /// A text that is no expression becomes a symbol of that whole text; "" and "?" are unknown.
  static Dim parse(std::string_view text);

 private:
  struct Expr;
  explicit Dim(std::shared_ptr<const Expr> expr) : kind_(Kind::expr), expr_(std::move(expr)) {}
  enum class Kind : uint8_t { unknown, number, expr } kind_ = Kind::unknown;
  int64_t number_ = 0;
  std::shared_ptr<const Expr> expr_;
};

using SymShape = std::vector<Dim>;
std::string to_string(const SymShape& shape);  ///< "[batch,3,224,224]"

}  // namespace kiln
