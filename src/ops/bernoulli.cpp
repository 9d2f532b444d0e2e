#include "base/stop_point.hpp"
#include "ops/op.hpp"
#include "ops/support/convert.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "ops/support/random_seed.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText bernoulli_versions[] = {
    {15, "input:T1 -> output:T2", "dtype:int seed:float", "T1=real T2=numeric,bf16,bool"},
    {22, "input:T1 -> output:T2", "dtype:int seed:float", "T1=real,bf16 T2=numeric,bf16,bool"},
};

void infer_bernoulli(InferContext& c) {
  const DType dtype = dtype_attribute(c, "dtype", c.dtype(0));
  c.set_output(0, dtype, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

void eval_bernoulli(EvalContext& c) {
  const Tensor probabilities = convert(c, c.input(0), DType::f64);
  Tensor drawn = c.host().allocate(DType::boolean, c.input(0).shape());
  Philox random = seeded_generator(c);
  bool* to = drawn.mutable_data<bool>();
  for (const double probability : probabilities.elements<double>()) {
    stop_point();
    *to++ = random.uniform() < probability;
  }
  c.set_output(0, convert(c, drawn, dtype_attribute(c, "dtype", c.input(0).dtype())));
}

}  // namespace

extern const OpDef bernoulli_op{"", "Bernoulli", bernoulli_versions, infer_bernoulli, eval_bernoulli, true};

}  // namespace kiln::ops
