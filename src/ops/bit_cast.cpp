#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText bit_cast_versions[] = {
    {26, "input:T1 -> output:T2", "to!:int",
     "T1=numeric,float8,bf16,bool,c64,c128,u4,i4,f4e2m1,f8e8m0,u2,i2 T2=numeric,float8,bf16,bool,c64,c128,u4,"
     "i4,f4e2m1,f8e8m0,u2,i2"},
};

void check_widths(DType from, DType to) {
  if (from == DType::string || to == DType::string || dtype_bits(from) != dtype_bits(to)) {
    fail(ErrorCode::invalid_argument, "the bits of {} cannot be seen as {}: their widths differ", dtype_name(from),
         dtype_name(to));
  }
}

void infer_bit_cast(InferContext& c) {
  const DType to = dtype_attribute(c, "to");
  if (to == DType::undefined) fail(ErrorCode::invalid_model, "attribute 'to' is undefined");
  if (c.dtype(0) != DType::undefined) check_widths(c.dtype(0), to);
  c.set_output(0, to, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

// What is narrower than a byte lies alone in one: signed integers with their sign extended, all else in the low bits.
void recode_narrow(const Tensor& x, Tensor& y) {
  const int unused = 8 - static_cast<int>(dtype_bits(x.dtype()));
  const bool extends = is_signed_int(y.dtype());
  const auto* in = static_cast<const uint8_t*>(x.raw());
  auto* out = static_cast<uint8_t*>(y.mutable_raw());
  for (int64_t i = 0; i < x.size(); ++i) {
    const auto high = static_cast<uint8_t>(in[i] << unused);
    out[i] = static_cast<uint8_t>(extends ? static_cast<int8_t>(high) >> unused : high >> unused);
  }
}

void eval_bit_cast(EvalContext& c) {
  const Tensor& x = c.input(0);
  const DType to = dtype_attribute(c, "to");
  check_widths(x.dtype(), to);
  if (dtype_bits(to) < 8) {
    recode_narrow(x, c.output(0, to, x.shape()));
  } else if (to == DType::boolean && x.dtype() != to) {
    // A boolean holds 0 or 1 only.
    Tensor& y = c.output(0, to, x.shape());
    const auto* in = static_cast<const uint8_t*>(x.raw());
    for (int64_t i = 0; i < x.size(); ++i) y.mutable_data<bool>()[i] = in[i] != 0;
  } else {
    c.set_output(0, x.reinterpreted(to));
  }
}

}  // namespace

extern const OpDef bit_cast_op{"", "BitCast", bit_cast_versions, infer_bit_cast, eval_bit_cast};

}  // namespace kiln::ops
