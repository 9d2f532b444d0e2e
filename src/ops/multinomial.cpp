#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/op.hpp"
#include "ops/support/convert.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "ops/support/random_seed.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText multinomial_versions[] = {
    {7, "input:T1 -> output:T2", "dtype:int=6 sample_size:int=1 seed:float", "T1=real T2=i32,i64"},
    {22, "input:T1 -> output:T2", "dtype:int=6 sample_size:int=1 seed:float", "T1=real,bf16 T2=i32,i64"},
};

int64_t sample_count(const NodeView& node) {
  const int64_t count = node.attr_int("sample_size");
  if (count < 0) fail(ErrorCode::invalid_model, "attribute 'sample_size' is {}, and must not be negative", count);
  return count;
}

void infer_multinomial(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (shape && shape->size() != 2) {
    fail(ErrorCode::invalid_argument, "the input must be of rank 2, found shape {}", to_string(*shape));
  }
  c.set_output(0, dtype_attribute(c, "dtype"), SymShape{shape ? (*shape)[0] : Dim(), Dim(sample_count(c))});
}

/// Running sums of the probabilities that one row of log-probabilities stands for, up to a common factor.
std::vector<double> cumulative_weights(std::span<const double> logs) {
  const double largest = *std::max_element(logs.begin(), logs.end());
  std::vector<double> sums;
  double sum = 0;
  for (const double log : logs) {
    const double weight = log == largest ? 1 : std::exp(log - largest);
    sum += weight > 0 ? weight : 0;
    sums.push_back(sum);
  }
  return sums;
}

void eval_multinomial(EvalContext& c) {
  const Tensor& x = c.input(0);
  if (x.rank() != 2 || (x.dim(1) == 0 && x.dim(0) != 0)) {
    fail(ErrorCode::invalid_argument, "the input must be of shape [batch, classes], found {}", to_string(x.shape()));
  }
  const auto samples = sample_count(c), classes = x.dim(1);
  const Tensor logs = convert(c, x, DType::f64);
  Tensor drawn = c.host().allocate(DType::i64, {x.dim(0), samples});
  Philox random = seeded_generator(c);
  int64_t* to = drawn.mutable_data<int64_t>();
  for (int64_t row = 0; row < x.dim(0); ++row) {
    const auto size = static_cast<size_t>(classes);
    const auto sums = cumulative_weights({logs.data<double>() + row * classes, size});
    for (int64_t i = 0; i < samples; ++i, stop_point()) {
      const auto place = std::upper_bound(sums.begin(), sums.end(), random.uniform() * sums.back());
      *to++ = std::min<int64_t>(place - sums.begin(), classes - 1);
    }
  }
  c.set_output(0, convert(c, drawn, dtype_attribute(c, "dtype")));
}

}  // namespace

extern const OpDef multinomial_op{"", "Multinomial", multinomial_versions, infer_multinomial, eval_multinomial, true};

}  // namespace kiln::ops
