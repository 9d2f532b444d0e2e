#include "ops/training/derivatives.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "ops/training/conv_derivative.hpp"

namespace kiln::ops {

const Tensor& Derivation::input(size_t index) const {
  if (!has_input(index)) fail(ErrorCode::invalid_model, "input {} is missing", index);
  return *inputs_[index];
}

const Tensor& Derivation::output(size_t index) const {
  if (index >= outputs_.size() || !outputs_[index]) fail(ErrorCode::invalid_model, "output {} is missing", index);
  return *outputs_[index];
}

Dense Derivation::gradient(size_t index) const {
  if (index < gradients_.size() && gradients_[index] && *gradients_[index]) return **gradients_[index];
  return Dense(output(index).shape());
}

void Derivation::give(size_t index, const Dense& gradient) {
  if (!wants(index)) return;
  Dense fitting = sum_to(gradient, input(index).shape());
  std::optional<Dense>& total = *input_gradients_[index];
  total = total ? *total + fitting : std::move(fitting);
}

namespace {

/// dy/dx of a function of one element, from x and y.
using Slope = double (*)(double x, double y, const NodeView& node);

template <Slope slope>
void unary(Derivation& d) {
  Dense result = d.gradient();
  const Dense x = d.x(0), y = d.y();
  for (size_t i = 0; i < result.at.size(); ++i) result.at[i] *= slope(x.at[i], y.at[i], d.node());
  d.give(0, result);
}

double pass(double, double, const NodeView&) { return 1; }
double flat(double, double, const NodeView&) { return 0; }
double neg(double, double, const NodeView&) { return -1; }
double sign(double x, double, const NodeView&) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double of_exp(double, double y, const NodeView&) { return y; }
double of_log(double x, double, const NodeView&) { return 1 / x; }
double of_sqrt(double, double y, const NodeView&) { return 0.5 / y; }
double of_reciprocal(double, double y, const NodeView&) { return -y * y; }
double of_sin(double x, double, const NodeView&) { return std::cos(x); }
double of_cos(double x, double, const NodeView&) { return -std::sin(x); }
double of_tan(double, double y, const NodeView&) { return 1 + y * y; }
double of_asin(double x, double, const NodeView&) { return 1 / std::sqrt(1 - x * x); }
double of_acos(double x, double, const NodeView&) { return -1 / std::sqrt(1 - x * x); }
double of_atan(double x, double, const NodeView&) { return 1 / (1 + x * x); }
double of_sinh(double x, double, const NodeView&) { return std::cosh(x); }
double of_cosh(double x, double, const NodeView&) { return std::sinh(x); }
double of_tanh(double, double y, const NodeView&) { return 1 - y * y; }
double of_asinh(double x, double, const NodeView&) { return 1 / std::sqrt(x * x + 1); }
double of_acosh(double x, double, const NodeView&) { return 1 / std::sqrt(x * x - 1); }
double of_atanh(double x, double, const NodeView&) { return 1 / (1 - x * x); }
double of_erf(double x, double, const NodeView&) { return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x); }
double of_sigmoid(double, double y, const NodeView&) { return y * (1 - y); }
double of_softplus(double x, double, const NodeView&) { return 1 / (1 + std::exp(-x)); }
double of_softsign(double x, double, const NodeView&) { return 1 / ((1 + std::abs(x)) * (1 + std::abs(x))); }
double of_relu(double x, double, const NodeView&) { return x > 0 ? 1 : 0; }
double of_leaky_relu(double x, double, const NodeView& node) { return x > 0 ? 1 : node.attr_float("alpha"); }
double of_elu(double x, double y, const NodeView& node) { return x > 0 ? 1 : y + node.attr_float("alpha"); }
double of_thresholded_relu(double x, double, const NodeView& node) { return x > node.attr_float("alpha") ? 1 : 0; }

/// Before version 7 operands were broadcast by attributes.
void expect_numpy_broadcast(const Derivation& d) {
  if (d.node().version() >= 7 || d.input(0).shape() == d.input(1).shape()) return;
  fail(ErrorCode::unsupported, "the derivative of {} with broadcasting is known from version 7 on, this is version {}",
       d.node().node().op_type, d.node().version());
}

void add(Derivation& d) {
  expect_numpy_broadcast(d);
  d.give(0, d.gradient());
  d.give(1, d.gradient());
}

void sub(Derivation& d) {
  expect_numpy_broadcast(d);
  d.give(0, d.gradient());
  d.give(1, d.gradient() * -1);
}

void mul(Derivation& d) {
  expect_numpy_broadcast(d);
  if (d.wants(0)) d.give(0, d.gradient() * d.x(1));
  if (d.wants(1)) d.give(1, d.gradient() * d.x(0));
}

void div(Derivation& d) {
  expect_numpy_broadcast(d);
  const Dense scaled = combine(d.gradient(), d.x(1), std::divides<>());
  d.give(0, scaled);
  if (d.wants(1)) d.give(1, scaled * d.y() * -1);
}

void pow(Derivation& d) {
  expect_numpy_broadcast(d);
  const Dense base = d.x(0);
  // An exponent may be of an integer type, which Dense does not read; then it has no gradient either.
  const Dense exponent = is_float(d.input(1).dtype()) ? d.x(1) : integers(d.input(1));
  const auto slope = [](double x, double e) { return e == 0 ? 0 : e * std::pow(x, e - 1); };
  d.give(0, d.gradient() * combine(base, exponent, slope));
  const auto log = [](double y, double x) { return y == 0 ? 0 : y * std::log(x); };
  if (d.wants(1)) d.give(1, d.gradient() * combine(d.y(), base, log));
}

/// Sum, Mean and the like: y = factor * (x1 + x2 + ...).
void sum(Derivation& d) {
  const bool mean = d.node().node().op_type == "Mean";
  const double factor = mean ? 1.0 / static_cast<double>(d.input_count()) : 1.0;
  for (size_t i = 0; i < d.input_count(); ++i) d.give(i, d.gradient() * factor);
}

/// Max and Min: the gradient goes to the first input that has the result.
void extremum(Derivation& d) {
  const Dense y = d.y();
  Dense open = d.gradient();
  for (size_t i = 0; i < d.input_count(); ++i) {
    const Dense hit = combine(d.x(i), y, [](double a, double b) { return a == b ? 1 : 0; });
    d.give(i, open * hit);
    open = combine(open, hit, [](double g, double taken) { return taken != 0 ? 0 : g; });
  }
}

void clip(Derivation& d) {
  const Dense inside = combine(d.x(0), d.y(), [](double x, double y) { return x == y ? 1 : 0; });
  d.give(0, d.gradient() * inside);
}

void where(Derivation& d) {
  const Tensor& condition = d.input(0);
  Dense chosen(condition.shape());
  for (size_t i = 0; i < chosen.at.size(); ++i) chosen.at[i] = condition.data<bool>()[i] ? 1 : 0;
  d.give(1, d.gradient() * chosen);
  d.give(2, d.gradient() * combine(chosen, Dense(Shape{}), [](double yes, double) { return 1 - yes; }));
}

void matmul(Derivation& d) {
  Shape a = d.input(0).shape(), b = d.input(1).shape(), y = d.output(0).shape();
  if (a.size() == 1) {
    a.insert(a.begin(), 1);
    y.insert(b.size() == 1 ? y.end() : y.end() - 1, 1);
  }
  if (b.size() == 1) {
    b.push_back(1);
    y.push_back(1);
  }
  const Dense gradient = reshape(d.gradient(), y), left = reshape(d.x(0), a), right = reshape(d.x(1), b);
  const Dense of_left = sum_to(multiply_matrices(gradient, transpose_matrices(right)), a);
  const Dense of_right = sum_to(multiply_matrices(transpose_matrices(left), gradient), b);
  d.give(0, reshape(of_left, d.input(0).shape()));
  d.give(1, reshape(of_right, d.input(1).shape()));
}

void gemm(Derivation& d) {
  const NodeView& node = d.node();
  const bool flip_a = node.attr_int("transA") != 0, flip_b = node.attr_int("transB") != 0;
  const Dense gradient = d.gradient() * node.attr_float("alpha");
  const Dense a = flip_a ? transpose_matrices(d.x(0)) : d.x(0);
  const Dense b = flip_b ? transpose_matrices(d.x(1)) : d.x(1);
  const Dense of_a = multiply_matrices(gradient, transpose_matrices(b));
  const Dense of_b = multiply_matrices(transpose_matrices(a), gradient);
  d.give(0, flip_a ? transpose_matrices(of_a) : of_a);
  d.give(1, flip_b ? transpose_matrices(of_b) : of_b);
  if (d.wants(2)) d.give(2, d.gradient() * node.attr_float("beta"));
}

/// Reshape, Flatten, Squeeze, Unsqueeze: the same elements.
void same_elements(Derivation& d) { d.give(0, reshape(d.gradient(), d.input(0).shape())); }

void transpose(Derivation& d) {
  const auto rank = static_cast<size_t>(d.input(0).rank());
  const auto given = d.node().attr_ints("perm");
  std::vector<int64_t> back(rank);
  for (size_t i = 0; i < rank; ++i) {
    const size_t from = given.empty() ? rank - 1 - i : static_cast<size_t>(given[i]);
    back[from] = static_cast<int64_t>(i);
  }
  d.give(0, permute(d.gradient(), back));
}

/// The input's shape with 1 for every reduced axis.
Shape reduced_shape(const Derivation& d) {
  const Shape& shape = d.input(0).shape();
  std::vector<int64_t> axes;
  if (d.has_input(1)) {
    const Dense listed = integers(d.input(1));
    for (double axis : listed.at) axes.push_back(static_cast<int64_t>(axis));
  } else {
    const auto given = d.node().attr_ints("axes");
    axes.assign(given.begin(), given.end());
  }
  if (axes.empty()) return d.node().attr_int("noop_with_empty_axes", 0) != 0 ? shape : Shape(shape.size(), 1);
  Shape reduced = shape;
  for (int64_t axis : normalize_axes(axes, d.input(0).rank())) reduced[static_cast<size_t>(axis)] = 1;
  return reduced;
}

void reduce_sum(Derivation& d) { d.give(0, broadcast_to(reshape(d.gradient(), reduced_shape(d)), d.input(0).shape())); }

void reduce_mean(Derivation& d) {
  const Dense spread = broadcast_to(reshape(d.gradient(), reduced_shape(d)), d.input(0).shape());
  const auto results = static_cast<double>(d.output(0).size()), elements = static_cast<double>(spread.size());
  d.give(0, spread * (elements == 0 ? 0 : results / elements));
}

void reduce_sum_square(Derivation& d) {
  d.give(0, broadcast_to(reshape(d.gradient(), reduced_shape(d)), d.input(0).shape()) * d.x(0) * 2);
}

/// ReduceMax and ReduceMin: elements that share the result share the gradient.
void reduce_extremum(Derivation& d) {
  const Shape reduced = reduced_shape(d);
  const Dense hit = combine(d.x(0), reshape(d.y(), reduced), [](double x, double y) { return x == y ? 1 : 0; });
  const Dense share = combine(reshape(d.gradient(), reduced), sum_to(hit, reduced), std::divides<>());
  d.give(0, share * hit);
}

/// How Softmax walks: [outer][axis][inner].
struct SoftmaxWalk {
  int64_t outer, axis, inner;
};

SoftmaxWalk softmax_walk(const Derivation& d) {
  const Shape& shape = d.input(0).shape();
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t axis = rank == 0 ? 0 : normalize_axis(d.node().attr_int("axis"), rank);
  // Before version 13 all axes from this one on were one.
  if (d.node().version() < 13) return {product(shape, 0, axis), product(shape, axis, rank), 1};
  if (rank == 0) return {1, 1, 1};
  return {product(shape, 0, axis), shape[static_cast<size_t>(axis)], product(shape, axis + 1, rank)};
}

/// Calls body(first, step, count) for each run of elements that Softmax normalises together.
void for_each_run(const SoftmaxWalk& walk, FunctionRef<void(int64_t first, int64_t step, int64_t count)> body) {
  for (int64_t outer = 0; outer < walk.outer; ++outer) {
    for (int64_t inner = 0; inner < walk.inner; ++inner) {
      body(outer * walk.axis * walk.inner + inner, walk.inner, walk.axis);
    }
  }
}

void softmax(Derivation& d) {
  const bool log = d.node().node().op_type == "LogSoftmax";
  const Dense y = d.y();
  Dense result = d.gradient();
  for_each_run(softmax_walk(d), [&](int64_t first, int64_t step, int64_t count) {
    double sum = 0;
    for (int64_t k = 0; k < count; ++k) {
      const auto at = static_cast<size_t>(first + k * step);
      sum += log ? result.at[at] : result.at[at] * y.at[at];
    }
    for (int64_t k = 0; k < count; ++k) {
      const auto at = static_cast<size_t>(first + k * step);
      result.at[at] = log ? result.at[at] - std::exp(y.at[at]) * sum : y.at[at] * (result.at[at] - sum);
    }
  });
  d.give(0, result);
}

/// Copies between a whole tensor and its part [start, start + width) of an axis, either way.
void copy_part(Dense& whole, Dense& part, int64_t axis, int64_t start, bool into_part) {
  const auto rank = static_cast<int64_t>(whole.shape.size());
  const int64_t outer = product(whole.shape, 0, axis), inner = product(whole.shape, axis + 1, rank);
  const int64_t extent = whole.shape[static_cast<size_t>(axis)], width = part.shape[static_cast<size_t>(axis)];
  for (int64_t i = 0; i < outer; ++i) {
    double* in_whole = whole.at.data() + (i * extent + start) * inner;
    double* in_part = part.at.data() + i * width * inner;
    if (into_part) {
      std::copy_n(in_whole, width * inner, in_part);
    } else {
      std::copy_n(in_part, width * inner, in_whole);
    }
  }
}

void concat(Derivation& d) {
  Dense gradient = d.gradient();
  const int64_t axis = normalize_axis(d.node().attr_int("axis", 1), d.output(0).rank());
  int64_t start = 0;
  for (size_t i = 0; i < d.input_count(); ++i) {
    Dense part(d.input(i).shape());
    copy_part(gradient, part, axis, start, true);
    start += d.input(i).dim(axis);
    d.give(i, part);
  }
}

void split(Derivation& d) {
  Dense whole(d.input(0).shape());
  const int64_t axis = normalize_axis(d.node().attr_int("axis", 0), d.input(0).rank());
  int64_t start = 0;
  for (size_t i = 0; i < d.output_count(); ++i) {
    Dense part = d.gradient(i);
    copy_part(whole, part, axis, start, false);
    start += part.shape[static_cast<size_t>(axis)];
  }
  d.give(0, whole);
}

void gather(Derivation& d) {
  const Shape& shape = d.input(0).shape();
  const int64_t axis = normalize_axis(d.node().attr_int("axis"), d.input(0).rank());
  const int64_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, d.input(0).rank());
  const int64_t extent = shape[static_cast<size_t>(axis)];
  const Dense indices = integers(d.input(1)), gradient = d.gradient();
  Dense result(shape);
  for (int64_t i = 0; i < outer; ++i) {
    for (int64_t k = 0; k < indices.size(); ++k) {
      const int64_t index = checked_index(static_cast<int64_t>(indices.at[static_cast<size_t>(k)]), extent);
      const double* from = gradient.at.data() + (i * indices.size() + k) * inner;
      double* to = result.at.data() + (i * extent + index) * inner;
      for (int64_t n = 0; n < inner; ++n) to[n] += from[n];
    }
  }
  d.give(0, result);
}

void expand(Derivation& d) { d.give(0, d.gradient()); }

void cast(Derivation& d) { d.give(0, d.gradient()); }

void dropout(Derivation& d) {
  if (d.has_input(2) && d.input(2).size() == 1 && *d.input(2).data<bool>()) {
    fail(ErrorCode::unsupported, "the derivative of Dropout in training mode is not known");
  }
  d.give(0, d.gradient());
}

void global_average_pool(Derivation& d) {
  const Dense spread = broadcast_to(d.gradient(), d.input(0).shape());
  d.give(0,
         spread * (static_cast<double>(d.output(0).size()) / static_cast<double>(std::max<int64_t>(1, spread.size()))));
}

const std::map<std::string_view, DerivativeRule>& rules() {
  static const std::map<std::string_view, DerivativeRule> table = {
      {"Identity", unary<pass>},
      {"Neg", unary<neg>},
      {"Abs", unary<sign>},
      {"Floor", unary<flat>},
      {"Ceil", unary<flat>},
      {"Round", unary<flat>},
      {"Sign", unary<flat>},
      {"Exp", unary<of_exp>},
      {"Log", unary<of_log>},
      {"Sqrt", unary<of_sqrt>},
      {"Reciprocal", unary<of_reciprocal>},
      {"Sin", unary<of_sin>},
      {"Cos", unary<of_cos>},
      {"Tan", unary<of_tan>},
      {"Asin", unary<of_asin>},
      {"Acos", unary<of_acos>},
      {"Atan", unary<of_atan>},
      {"Sinh", unary<of_sinh>},
      {"Cosh", unary<of_cosh>},
      {"Tanh", unary<of_tanh>},
      {"Asinh", unary<of_asinh>},
      {"Acosh", unary<of_acosh>},
      {"Atanh", unary<of_atanh>},
      {"Erf", unary<of_erf>},
      {"Sigmoid", unary<of_sigmoid>},
      {"Softplus", unary<of_softplus>},
      {"Softsign", unary<of_softsign>},
      {"Relu", unary<of_relu>},
      {"LeakyRelu", unary<of_leaky_relu>},
      {"Elu", unary<of_elu>},
      {"ThresholdedRelu", unary<of_thresholded_relu>},
      {"Add", add},
      {"Sub", sub},
      {"Mul", mul},
      {"Div", div},
      {"Pow", pow},
      {"Sum", sum},
      {"Mean", sum},
      {"Max", extremum},
      {"Min", extremum},
      {"Clip", clip},
      {"Where", where},
      {"MatMul", matmul},
      {"Gemm", gemm},
      {"Conv", derive_conv},
      {"GlobalAveragePool", global_average_pool},
      {"Reshape", same_elements},
      {"Flatten", same_elements},
      {"Squeeze", same_elements},
      {"Unsqueeze", same_elements},
      {"Transpose", transpose},
      {"Expand", expand},
      {"Cast", cast},
      {"Dropout", dropout},
      {"ReduceSum", reduce_sum},
      {"ReduceMean", reduce_mean},
      {"ReduceSumSquare", reduce_sum_square},
      {"ReduceMax", reduce_extremum},
      {"ReduceMin", reduce_extremum},
      {"Softmax", softmax},
      {"LogSoftmax", softmax},
      {"Concat", concat},
      {"Split", split},
      {"Gather", gather},
  };
  return table;
}

}  // namespace

DerivativeRule find_derivative(std::string_view domain, std::string_view op_type) {
  if (!canonical_domain(domain).empty()) return nullptr;
  const auto rule = rules().find(op_type);
  return rule == rules().end() ? nullptr : rule->second;
}

}  // namespace kiln::ops
