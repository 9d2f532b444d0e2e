#pragma once

#include <cmath>

#include "base/error.hpp"
#include "ops/context.hpp"

namespace kiln::ops {

/// The p of an Lp norm: a float in an operator's version 1, an integer since.
inline double read_norm_order(const NodeView& node) {
  const double p = node.version() == 1 ? static_cast<double>(node.attr_float("p", 2.0f))
                                       : static_cast<double>(node.attr_int("p", 2));
  if (!(p > 0)) fail(ErrorCode::invalid_model, "attribute 'p' is {}, expected a positive number", p);
  return p;
}

/// The sum of |x|^p that makes an Lp norm, one element at a time.
class NormSum {
 public:
  explicit NormSum(double p) : p_(p) {}
  void add(double x) {
    if (p_ == 2) {
      sum_ += x * x;
    } else {
      sum_ += p_ == 1 ? std::fabs(x) : std::pow(std::fabs(x), p_);
    }
  }
  double norm() const {
    if (p_ == 2) return std::sqrt(sum_);
    return p_ == 1 ? sum_ : std::pow(sum_, 1 / p_);
  }

 private:
  double p_, sum_ = 0;
};

}  // namespace kiln::ops
