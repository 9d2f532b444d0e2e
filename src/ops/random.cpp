#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/op.hpp"
#include "ops/support/convert.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/random_seed.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText random_normal_versions[] = {
    {1, "-> output:T", "dtype:int=1 mean:float=0 scale:float=1 seed:float shape!:ints", "T=real"},
    {22, "-> output:T", "dtype:int=1 mean:float=0 scale:float=1 seed:float shape!:ints", "T=real,bf16"},
};

constexpr SchemaText random_normal_like_versions[] = {
    {1, "input:T1 -> output:T2", "dtype:int mean:float=0 scale:float=1 seed:float", "T1=basic T2=real"},
    {22, "input:T1 -> output:T2", "dtype:int mean:float=0 scale:float=1 seed:float", "T1=basic,bf16 T2=real,bf16"},
};

constexpr SchemaText random_uniform_versions[] = {
    {1, "-> output:T", "dtype:int=1 high:float=1 low:float=0 seed:float shape!:ints", "T=real"},
    {22, "-> output:T", "dtype:int=1 high:float=1 low:float=0 seed:float shape!:ints", "T=real,bf16"},
};

constexpr SchemaText random_uniform_like_versions[] = {
    {1, "input:T1 -> output:T2", "dtype:int high:float=1 low:float=0 seed:float", "T1=basic T2=real"},
    {22, "input:T1 -> output:T2", "dtype:int high:float=1 low:float=0 seed:float", "T1=basic,bf16 T2=real,bf16"},
};

Shape shape_attribute(const NodeView& node) {
  const auto dims = node.attr_ints("shape");
  Shape shape(dims.begin(), dims.end());
  element_count(shape);
  return shape;
}

void infer_random(InferContext& c) { c.set_output(0, dtype_attribute(c, "dtype"), to_sym(shape_attribute(c))); }

void check_float(DType dtype) {
  if (dtype != DType::undefined && dtype != DType::f64 && dtype != DType::f32 && dtype != DType::f16 &&
      dtype != DType::bf16) {
    fail(ErrorCode::invalid_argument, "random numbers of type {} were asked for, expected a floating-point type",
         dtype_name(dtype));
  }
}

void infer_random_like(InferContext& c) {
  const DType dtype = dtype_attribute(c, "dtype", c.dtype(0));
  check_float(dtype);
  c.set_output(0, dtype, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

int significand_bits(DType dtype) {
  switch (dtype) {
    case DType::f64: return 53;
    case DType::f16: return 11;
    case DType::bf16: return 8;
    default: return 24;
  }
}

void fill_normal(EvalContext& c, DType dtype, const Shape& shape) {
  const double mean = c.attr_float("mean"), scale = c.attr_float("scale");
  Philox random = seeded_generator(c);
  Tensor wide = c.host().allocate(DType::f64, shape);
  for (double& value : wide.mutable_elements<double>()) {
    stop_point();
    value = mean + scale * random.normal();
  }
  c.set_output(0, convert(c, wide, dtype));
}

// A draw has no more bits than the type's significand, or rounding would turn some of them into `high`.
void fill_uniform(EvalContext& c, DType dtype, const Shape& shape) {
  const double low = c.attr_float("low"), high = c.attr_float("high");
  const int bits = significand_bits(dtype);
  Philox random = seeded_generator(c);
  Tensor wide = c.host().allocate(DType::f64, shape);
  for (double& value : wide.mutable_elements<double>()) {
    stop_point();
    value = low + (high - low) * std::ldexp(static_cast<double>(random.next_u64() >> (64 - bits)), -bits);
  }
  c.set_output(0, convert(c, wide, dtype));
}

DType like_dtype(EvalContext& c) {
  const DType dtype = dtype_attribute(c, "dtype", c.input(0).dtype());
  check_float(dtype);
  return dtype;
}

void eval_random_normal(EvalContext& c) { fill_normal(c, dtype_attribute(c, "dtype"), shape_attribute(c)); }
void eval_random_uniform(EvalContext& c) { fill_uniform(c, dtype_attribute(c, "dtype"), shape_attribute(c)); }
void eval_random_normal_like(EvalContext& c) { fill_normal(c, like_dtype(c), c.input(0).shape()); }
void eval_random_uniform_like(EvalContext& c) { fill_uniform(c, like_dtype(c), c.input(0).shape()); }

}  // namespace

extern const OpDef random_normal_op{"", "RandomNormal", random_normal_versions, infer_random, eval_random_normal, true};
extern const OpDef random_normal_like_op{
    "", "RandomNormalLike", random_normal_like_versions, infer_random_like, eval_random_normal_like, true};
extern const OpDef random_uniform_op{"",           "RandomUniform",     random_uniform_versions,
                                     infer_random, eval_random_uniform, true};
extern const OpDef random_uniform_like_op{
    "", "RandomUniformLike", random_uniform_like_versions, infer_random_like, eval_random_uniform_like, true};

}  // namespace kiln::ops
