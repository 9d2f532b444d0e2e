#include "graph/dim.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "graph/dim_parser.hpp"

namespace kiln {
namespace {

// Bounds that keep hostile or degenerate graphs cheap; an expression past one of them is unknown.
constexpr size_t max_terms = 64;
constexpr size_t max_products = 1024;  // pairs of terms multiplied out at once
constexpr size_t max_operands = 32;    // of one maximum or minimum
constexpr int max_depth = 32;          // of atoms within atoms
constexpr int64_t max_size = 1000;     // terms and atoms, all told

bool can_divide(int64_t a, int64_t b) { return b != 0 && !(a == std::numeric_limits<int64_t>::min() && b == -1); }

int64_t floor_quotient(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

int64_t ceil_quotient(int64_t a, int64_t b) { return a / b + ((a % b != 0) && ((a < 0) == (b < 0))); }

}  // namespace

/// A polynomial: terms in graded lexicographic order of their factors, no coefficient zero, no two terms with equal
/// factors. A plain number is never an Expr. All members are static algebra on that form.
struct Dim::Expr {
  enum class AtomKind { symbol, floor_div, ceil_div, max, min };

  struct Atom {
    AtomKind kind;
    std::string name;           // of a symbol
    std::vector<Dim> operands;  // dividend and divisor, or two or more operands in order
    int depth = 1;
    int64_t size = 1;
  };
  using AtomPtr = std::shared_ptr<const Atom>;

  struct Term {
    int64_t coefficient;
    std::vector<AtomPtr> factors;  // in order, a square twice; none for the constant term
  };
  using Terms = std::vector<Term>;

  Terms terms;
  int depth = 0;
  int64_t size = 0;

  static int compare(int64_t a, int64_t b) { return (a > b) - (a < b); }

  static int compare(const Dim& a, const Dim& b) {
    if (a.kind_ != b.kind_) {
      return compare(static_cast<int64_t>(a.kind_), static_cast<int64_t>(b.kind_));
    }
    if (a.kind_ == Kind::number) {
      return compare(a.number_, b.number_);
    }
    if (a.expr_ == b.expr_) {
      return 0;
    }
    const Terms& x = a.expr_->terms;
    const Terms& y = b.expr_->terms;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (const int order = compare_factors(x[i].factors, y[i].factors)) {
        return order;
      }
      if (const int order = compare(x[i].coefficient, y[i].coefficient)) {
        return order;
      }
    }
    return compare(static_cast<int64_t>(x.size()), static_cast<int64_t>(y.size()));
  }

  static int compare(const Atom& a, const Atom& b) {
    if (&a == &b) {
      return 0;
    }
    if (a.kind != b.kind) {
      return a.kind < b.kind ? -1 : 1;
    }
    if (const int order = a.name.compare(b.name)) {
      return order;
    }
    for (size_t i = 0; i < std::min(a.operands.size(), b.operands.size()); ++i) {
      if (const int order = compare(a.operands[i], b.operands[i])) {
        return order;
      }
    }
    return compare(static_cast<int64_t>(a.operands.size()), static_cast<int64_t>(b.operands.size()));
  }

  // Higher degree first: with sorted factors this is a monomial order, as polynomial division needs.
  static int compare_factors(const std::vector<AtomPtr>& a, const std::vector<AtomPtr>& b) {
    if (a.size() != b.size()) {
      return a.size() > b.size() ? -1 : 1;
    }
    for (size_t i = 0; i < a.size(); ++i) {
      if (const int order = compare(*a[i], *b[i])) {
        return order;
      }
    }
    return 0;
  }

  static bool atom_less(const AtomPtr& a, const AtomPtr& b) { return compare(*a, *b) < 0; }

  static Terms terms_of(const Dim& dim) {
    if (dim.kind_ == Kind::expr) {
      return dim.expr_->terms;
    }
    return dim.number_ == 0 ? Terms() : Terms{{dim.number_, {}}};
  }

  /// Sorts and merges; unknown on overflow or past a bound.
  static Dim make(Terms terms) {
    std::sort(terms.begin(), terms.end(),
              [](const Term& a, const Term& b) { return compare_factors(a.factors, b.factors) < 0; });
    auto expr = std::make_shared<Expr>();
    for (Term& term : terms) {
      if (!expr->terms.empty() && compare_factors(expr->terms.back().factors, term.factors) == 0) {
        int64_t& sum = expr->terms.back().coefficient;
        if (__builtin_add_overflow(sum, term.coefficient, &sum)) {
          return Dim();
        }
      } else {
        expr->terms.push_back(std::move(term));
      }
    }
    std::erase_if(expr->terms, [](const Term& term) { return term.coefficient == 0; });
    if (expr->terms.empty()) {
      return Dim(0);
    }
    if (expr->terms.front().factors.empty()) {
      return Dim(expr->terms.front().coefficient);
    }
    for (const Term& term : expr->terms) {
      ++expr->size;
      for (const AtomPtr& atom : term.factors) {
        expr->size += atom->size;
        expr->depth = std::max(expr->depth, atom->depth);
      }
    }
    if (expr->terms.size() > max_terms || expr->size > max_size || expr->depth > max_depth) {
      return Dim();
    }
    return Dim(std::shared_ptr<const Expr>(std::move(expr)));
  }

  static Dim make_atom(AtomKind kind, std::string name, std::vector<Dim> operands) {
    auto atom = std::make_shared<Atom>();
    atom->kind = kind;
    atom->name = std::move(name);
    atom->operands = std::move(operands);
    for (const Dim& operand : atom->operands) {
      atom->size += operand.kind_ == Kind::expr ? operand.expr_->size : 1;
      atom->depth = std::max(atom->depth, operand.kind_ == Kind::expr ? operand.expr_->depth + 1 : 1);
    }
    return make({{1, {std::move(atom)}}});
  }

  static Dim add(const Dim& a, const Dim& b) {
    Terms terms = terms_of(a);
    Terms more = terms_of(b);
    std::move(more.begin(), more.end(), std::back_inserter(terms));
    return make(std::move(terms));
  }

  static Dim multiply(const Dim& a, const Dim& b) {
    const Terms x = terms_of(a);
    const Terms y = terms_of(b);
    if (x.size() * y.size() > max_products) {
      return Dim();
    }
    Terms product;
    product.reserve(x.size() * y.size());
    for (const Term& left : x) {
      for (const Term& right : y) {
        Term& term = product.emplace_back();
        if (__builtin_mul_overflow(left.coefficient, right.coefficient, &term.coefficient)) {
          return Dim();
        }
        std::merge(left.factors.begin(), left.factors.end(), right.factors.begin(), right.factors.end(),
                   std::back_inserter(term.factors), atom_less);
      }
    }
    return make(std::move(product));
  }

  /// The term x / y, if y divides x.
  static std::optional<Term> divide_term(const Term& x, const Term& y) {
    if (!can_divide(x.coefficient, y.coefficient) || x.coefficient % y.coefficient != 0 ||
        !std::includes(x.factors.begin(), x.factors.end(), y.factors.begin(), y.factors.end(), atom_less)) {
      return std::nullopt;
    }
    Term quotient{x.coefficient / y.coefficient, {}};
    std::set_difference(x.factors.begin(), x.factors.end(), y.factors.begin(), y.factors.end(),
                        std::back_inserter(quotient.factors), atom_less);
    return quotient;
  }

  /// Polynomial long division: a / b if that leaves no rest.
  static std::optional<Dim> divide_exactly(const Dim& a, const Dim& b) {
    const Term lead = terms_of(b).front();
    Dim rest = a;
    Terms quotient;
    while (!(rest == Dim(0))) {
      if (rest.is_unknown() || quotient.size() > max_terms) {
        return std::nullopt;
      }
      const std::optional<Term> term = divide_term(terms_of(rest).front(), lead);
      if (!term) {
        return std::nullopt;
      }
      quotient.push_back(*term);
      rest = rest - make({*term}) * b;
    }
    return make(std::move(quotient));
  }

  /// floor or ceil of a / b, where at least one of them is no number, and b is not 0.
  static Dim divide(AtomKind kind, const Dim& a, const Dim& b) {
    const Terms divisor = terms_of(b);
    if (divisor.front().coefficient < 0) {
      const Dim negative_a = 0 - a;
      const Dim negative_b = 0 - b;
      return negative_a.is_unknown() || negative_b.is_unknown() ? Dim() : divide(kind, negative_a, negative_b);
    }
    if (b.kind_ == Kind::number) {
      return floor_by_number(kind == AtomKind::floor_div ? a : a + (b - 1), b.number_);
    }
    if (const std::optional<Dim> exact = divide_exactly(a, b)) {
      return *exact;
    }
    Terms whole;
    Terms rest;
    for (Term& term : terms_of(a)) {
      std::optional<Term> quotient = divisor.size() == 1 ? divide_term(term, divisor.front()) : std::nullopt;
      quotient ? whole.push_back(std::move(*quotient)) : rest.push_back(std::move(term));
    }
    return make(std::move(whole)) + make_atom(kind, "", {make(std::move(rest)), b});
  }

  /// floor(a / b) for b > 0 as whole + floor(rest / b'), with every coefficient of the rest in [0, b').
  static Dim floor_by_number(const Dim& a, int64_t b) {
    if (a.is_unknown()) {
      return a;
    }
    Terms whole;
    Terms rest;
    int64_t common = b;
    for (const Term& term : terms_of(a)) {
      const int64_t quotient = floor_quotient(term.coefficient, b);
      const int64_t remainder = term.coefficient - quotient * b;
      if (quotient != 0) {
        whole.push_back({quotient, term.factors});
      }
      if (remainder != 0) {
        rest.push_back({remainder, term.factors});
        common = term.factors.empty() ? common : std::gcd(common, remainder);
      }
    }
    const Dim whole_part = make(std::move(whole));
    if (rest.empty() || rest.front().factors.empty()) {
      return whole_part;
    }
    // floor((g*p + c) / (g*b')) = floor((p + floor(c/g)) / b')
    for (Term& term : rest) {
      term.coefficient /= common;
    }
    const int64_t divisor = b / common;
    const Dim dividend = make(std::move(rest));
    const Dim flat = floor_of_floor(dividend, divisor);
    return whole_part + (flat.is_unknown() ? make_atom(AtomKind::floor_div, "", {dividend, divisor}) : flat);
  }

  /// floor((floor(p/c) + k) / b) = floor((p + k*c) / (c*b)); unknown where the dividend is not of that form.
  static Dim floor_of_floor(const Dim& a, int64_t b) {
    const Terms terms = terms_of(a);
    const bool fits = terms.front().coefficient == 1 && terms.front().factors.size() == 1 &&
                      (terms.size() == 1 || (terms.size() == 2 && terms.back().factors.empty()));
    if (!fits) {
      return Dim();
    }
    const Atom& atom = *terms.front().factors.front();
    if (atom.kind != AtomKind::floor_div || !atom.operands[1].is_known()) {
      return Dim();
    }
    const Dim& inner = atom.operands[1];
    const Dim divisor = inner * b;
    return divisor.is_unknown() ? Dim()
                                : floor_by_number(atom.operands[0] + inner * (a - make({{1, {terms.front().factors}}})),
                                                  divisor.number_);
  }

  static void gather_operands(AtomKind kind, const Dim& dim, std::vector<Dim>& out) {
    if (dim.kind_ == Kind::expr && dim.expr_->terms.size() == 1 && dim.expr_->terms[0].coefficient == 1 &&
        dim.expr_->terms[0].factors.size() == 1 && dim.expr_->terms[0].factors[0]->kind == kind) {
      const std::vector<Dim>& operands = dim.expr_->terms[0].factors[0]->operands;
      out.insert(out.end(), operands.begin(), operands.end());
    } else {
      out.push_back(dim);
    }
  }

  /// The maximum or minimum: nested ones are joined, and an operand that provably never wins is dropped.
  static Dim extreme(AtomKind kind, const Dim& a, const Dim& b) {
    std::vector<Dim> candidates;
    gather_operands(kind, a, candidates);
    gather_operands(kind, b, candidates);
    if (candidates.size() > max_operands) {
      return Dim();
    }
    std::vector<Dim> operands;
    for (const Dim& candidate : candidates) {
      bool wins = true;
      for (Dim& kept : operands) {
        const Dim difference = candidate - kept;
        if (difference.is_known()) {
          if (kind == AtomKind::max ? difference.number_ > 0 : difference.number_ < 0) {
            kept = candidate;
          }
          wins = false;
          break;
        }
      }
      if (wins) {
        operands.push_back(candidate);
      }
    }
    if (operands.size() == 1) {
      return operands.front();
    }
    std::sort(operands.begin(), operands.end(), [](const Dim& x, const Dim& y) { return compare(x, y) < 0; });
    return make_atom(kind, "", std::move(operands));
  }

  static Dim apply(AtomKind kind, const Dim& a, const Dim& b) {
    switch (kind) {
      case AtomKind::floor_div: return floor_div(a, b);
      case AtomKind::ceil_div: return ceil_div(a, b);
      case AtomKind::max: return max(a, b);
      default: return min(a, b);
    }
  }

  /// The value of an expression where `leaf` gives that of a symbol.
  template <class Leaf>
  static Dim rebuild(const Dim& dim, const Leaf& leaf) {
    if (dim.kind_ != Kind::expr) {
      return dim;
    }
    Dim sum = 0;
    for (const Term& term : dim.expr_->terms) {
      Dim product = term.coefficient;
      for (const AtomPtr& atom : term.factors) {
        product = product * rebuild_atom(*atom, leaf);
      }
      sum = sum + product;
    }
    return sum;
  }

  template <class Leaf>
  static Dim rebuild_atom(const Atom& atom, const Leaf& leaf) {
    if (atom.kind == AtomKind::symbol) {
      return leaf(atom.name);
    }
    Dim result = rebuild(atom.operands.front(), leaf);
    for (size_t i = 1; i < atom.operands.size(); ++i) {
      result = apply(atom.kind, result, rebuild(atom.operands[i], leaf));
    }
    return result;
  }

  static void collect(const Dim& dim, std::vector<std::string>& out) {
    if (dim.kind_ != Kind::expr) {
      return;
    }
    for (const Term& term : dim.expr_->terms) {
      for (const AtomPtr& atom : term.factors) {
        if (atom->kind == AtomKind::symbol && std::find(out.begin(), out.end(), atom->name) == out.end()) {
          out.push_back(atom->name);
        }
        for (const Dim& operand : atom->operands) {
          collect(operand, out);
        }
      }
    }
  }

  static std::string to_text(const Dim& dim) {
    if (dim.kind_ != Kind::expr) {
      return dim.kind_ == Kind::number ? std::to_string(dim.number_) : "?";
    }
    std::string out;
    for (const Term& term : dim.expr_->terms) {
      std::string coefficient = std::to_string(term.coefficient);
      if (!term.factors.empty()) {
        coefficient = term.coefficient == 1 ? "" : term.coefficient == -1 ? "-" : coefficient + "*";
      }
      out += out.empty() || term.coefficient < 0 ? coefficient : "+" + coefficient;
      for (size_t i = 0; i < term.factors.size(); ++i) {
        out += (i == 0 ? "" : "*") + to_text(*term.factors[i]);
      }
    }
    return out;
  }

  static std::string to_text(const Atom& atom) {
    switch (atom.kind) {
      case AtomKind::symbol: return quote_if_needed(atom.name);
      case AtomKind::floor_div:
      case AtomKind::ceil_div:
        return (atom.kind == AtomKind::floor_div ? "floor(" : "ceil(") + in_parentheses(atom.operands[0], false) + "/" +
               in_parentheses(atom.operands[1], true) + ")";
      default: {
        std::string out = atom.kind == AtomKind::max ? "max(" : "min(";
        for (size_t i = 0; i < atom.operands.size(); ++i) {
          out += (i == 0 ? "" : ",") + to_text(atom.operands[i]);
        }
        return out + ")";
      }
    }
  }

  static std::string in_parentheses(const Dim& dim, bool is_divisor) {
    const bool bare =
        dim.kind_ == Kind::number ||
        (dim.expr_->terms.size() == 1 &&
         (!is_divisor || (dim.expr_->terms[0].coefficient == 1 && dim.expr_->terms[0].factors.size() == 1)));
    return bare ? to_text(dim) : "(" + to_text(dim) + ")";
  }

  static std::string quote_if_needed(const std::string& name) {
    if (is_plain_symbol_name(name)) {
      return name;
    }
    std::string out = "'";
    for (const char c : name) {
      out += c == '\'' ? "''" : std::string(1, c);
    }
    return out + "'";
  }

  /// The name of a dim that is one symbol and nothing else, or null.
  static const std::string* lone_symbol(const Dim& dim) {
    const bool lone = dim.kind_ == Kind::expr && dim.expr_->terms.size() == 1 && dim.expr_->terms[0].coefficient == 1 &&
                      dim.expr_->terms[0].factors.size() == 1 &&
                      dim.expr_->terms[0].factors[0]->kind == AtomKind::symbol;
    return lone ? &dim.expr_->terms[0].factors[0]->name : nullptr;
  }
};

Dim Dim::symbol(std::string_view name) {
  return name.empty() ? Dim() : Expr::make_atom(Expr::AtomKind::symbol, std::string(name), {});
}

int64_t Dim::value() const {
  if (kind_ != Kind::number) {
    fail(ErrorCode::internal, "dim '{}' is used as a number, which it is not", str());
  }
  return number_;
}

// Each operator does plain numbers first and without allocation: shape inference at run time uses nothing else.

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    int64_t sum;
    return __builtin_add_overflow(a.number_, b.number_, &sum) ? Dim() : Dim(sum);
  }
  return a.is_unknown() || b.is_unknown() ? Dim() : Dim::Expr::add(a, b);
}

Dim operator-(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    int64_t difference;
    return __builtin_sub_overflow(a.number_, b.number_, &difference) ? Dim() : Dim(difference);
  }
  return a + b * -1;
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    int64_t product;
    return __builtin_mul_overflow(a.number_, b.number_, &product) ? Dim() : Dim(product);
  }
  return a.is_unknown() || b.is_unknown() ? Dim() : Dim::Expr::multiply(a, b);
}

Dim floor_div(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    return can_divide(a.number_, b.number_) ? Dim(floor_quotient(a.number_, b.number_)) : Dim();
  }
  const bool undefined = a.is_unknown() || b.is_unknown() || b == Dim(0);
  return undefined ? Dim() : Dim::Expr::divide(Dim::Expr::AtomKind::floor_div, a, b);
}

Dim ceil_div(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    return can_divide(a.number_, b.number_) ? Dim(ceil_quotient(a.number_, b.number_)) : Dim();
  }
  const bool undefined = a.is_unknown() || b.is_unknown() || b == Dim(0);
  return undefined ? Dim() : Dim::Expr::divide(Dim::Expr::AtomKind::ceil_div, a, b);
}

Dim max(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    return std::max(a.number_, b.number_);
  }
  return a.is_unknown() || b.is_unknown() ? Dim() : Dim::Expr::extreme(Dim::Expr::AtomKind::max, a, b);
}

Dim min(const Dim& a, const Dim& b) {
  if (a.is_known() && b.is_known()) {
    return std::min(a.number_, b.number_);
  }
  return a.is_unknown() || b.is_unknown() ? Dim() : Dim::Expr::extreme(Dim::Expr::AtomKind::min, a, b);
}

bool operator==(const Dim& a, const Dim& b) {
  if (a.kind_ != b.kind_ || a.is_unknown()) {
    return false;
  }
  return a.is_known() ? a.number_ == b.number_ : Dim::Expr::compare(a, b) == 0;
}

std::optional<int64_t> Dim::evaluate(const std::map<std::string, int64_t>& symbols) const {
  const Dim result = Expr::rebuild(*this, [&](const std::string& name) {
    const auto found = symbols.find(name);
    return found == symbols.end() ? Dim() : Dim(found->second);
  });
  return result.is_known() ? std::optional(result.number_) : std::nullopt;
}

Dim Dim::substitute(const std::map<std::string, Dim>& symbols) const {
  return Expr::rebuild(*this, [&](const std::string& name) {
    const auto found = symbols.find(name);
    return found == symbols.end() ? symbol(name) : found->second;
  });
}

void Dim::collect_symbols(std::vector<std::string>& out) const { Expr::collect(*this, out); }

std::string Dim::str() const {
  // A name that parse() takes as a whole text needs no quotes while it stands alone.
  const std::string* name = Expr::lone_symbol(*this);
  if (name != nullptr && *name != "?" && !parse_dim_expression(*name)) {
    return *name;
  }
  return Expr::to_text(*this);
}

Dim Dim::parse(std::string_view text) {
  if (text.empty() || text == "?") {
    return Dim();
  }
  const std::optional<Dim> expression = parse_dim_expression(text);
  return expression ? *expression : symbol(text);
}

std::string to_string(const SymShape& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    out += (i == 0 ? "" : ",") + shape[i].str();
  }
  return out + "]";
}

}  // namespace kiln
