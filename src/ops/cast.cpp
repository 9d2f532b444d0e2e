#include <algorithm>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/op.hpp"
#include "ops/support/convert.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/number_text.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText cast_versions[] = {
    {1, "input:T1 -> output:T2", "to!:string", "T1=numeric,bool T2=numeric,bool"},
    {6, "input:T1 -> output:T2", "to!:int", "T1=numeric,bool T2=numeric,bool"},
    {9, "input:T1 -> output:T2", "to!:int", "T1=numeric,bool,string T2=numeric,bool,string"},
    {13, "input:T1 -> output:T2", "to!:int", "T1=numeric,bool,string,bf16 T2=numeric,bool,string,bf16"},
    {19, "input:T1 -> output:T2", "saturate:int=1 to!:int",
     "T1=numeric,float8,bool,string,bf16 T2=numeric,float8,bool,string,bf16"},
    {21, "input:T1 -> output:T2", "saturate:int=1 to!:int",
     "T1=numeric,float8,bool,string,bf16,u4,i4 T2=numeric,float8,bool,string,bf16,u4,i4"},
    {23, "input:T1 -> output:T2", "saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1"},
    {24, "input:T1 -> output:T2", "round_mode:string=up saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,"
     "f8e8m0"},
    {25, "input:T1 -> output:T2", "round_mode:string=up saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2 T2=numeric,float8,bf16,string,bool,u4,i4,"
     "f4e2m1,f8e8m0,u2,i2"},
    {28, "input:T1 -> output:T2", "round_mode:string=up saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2 T2=numeric,float8,bf16,"
     "string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2"},
};

constexpr SchemaText cast_like_versions[] = {
    {15, "input:T1 target_type:T2 -> output:T2", "", "T1=numeric,bool,string,bf16 T2=numeric,bool,string,bf16"},
    {19, "input:T1 target_type:T2 -> output:T2", "saturate:int=1",
     "T1=numeric,float8,bool,string,bf16 T2=numeric,float8,bool,string,bf16"},
    {21, "input:T1 target_type:T2 -> output:T2", "saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4 T2=numeric,float8,bf16,string,bool,u4,i4"},
    {23, "input:T1 target_type:T2 -> output:T2", "saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1"},
    {24, "input:T1 target_type:T2 -> output:T2", "round_mode:string=up saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,"
     "f8e8m0"},
    {25, "input:T1 target_type:T2 -> output:T2", "round_mode:string=up saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2 T2=numeric,float8,bf16,string,bool,u4,i4,"
     "f4e2m1,f8e8m0,u2,i2"},
};

CastRules cast_rules(const NodeView& node) {
  const std::string mode = node.attr_string("round_mode", "up");
  CastRules rules;
  rules.saturate = node.attr_int("saturate", 1) != 0;
  if (mode == "up") {
    rules.round_mode = RoundMode::up;
  } else if (mode == "down") {
    rules.round_mode = RoundMode::down;
  } else if (mode == "nearest") {
    rules.round_mode = RoundMode::nearest;
  } else {
    fail(ErrorCode::invalid_model, "attribute 'round_mode' is '{}', expected 'up', 'down' or 'nearest'", mode);
  }
  return rules;
}

/// Version 1 names the type ("FLOAT"), later ones give its number.
DType cast_target(const NodeView& node) {
  DType to = DType::undefined;
  if (node.version() == 1) {
    std::string name = node.attr_string("to");
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    to = dtype_from_name(name);
  } else {
    to = dtype_attribute(node, "to");
  }
  if (to == DType::undefined) fail(ErrorCode::invalid_model, "attribute 'to' names no element type");
  return to;
}

void write_texts(const Tensor& x, Tensor& y) {
  const DType dtype = x.dtype(), carrier = carrier_of(dtype);
  const WidenLoop widen = widen_loop(dtype);
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = y.mutable_data<std::string>();
  for (int64_t i = 0; i < x.size(); ++i, stop_point()) {
    union {
      float f32;
      double f64;
      int64_t i64;
      uint64_t u64;
    } value;
    widen(from + static_cast<size_t>(i) * dtype_size(dtype), 1, &value, 1);
    if (dtype == DType::boolean) {
      to[i] = value.i64 != 0 ? "True" : "False";
    } else if (carrier == DType::i64) {
      to[i] = std::to_string(value.i64);
    } else if (carrier == DType::u64) {
      to[i] = std::to_string(value.u64);
    } else {
      to[i] = float_text(carrier == DType::f32 ? static_cast<double>(value.f32) : value.f64, dtype);
    }
  }
}

template <class T, class Read>
void read_texts(const Tensor& x, Tensor& y, const CastRules& rules, Read read) {
  const NarrowLoop narrow = narrow_loop(dtype_of<T>, y.dtype());
  auto* to = static_cast<std::byte*>(y.mutable_raw());
  for (const std::string& text : x.elements<std::string>()) {
    stop_point();
    const T value = read(text);
    narrow(&value, to, 1, rules);
    to += dtype_size(y.dtype());
  }
}

void cast_to(EvalContext& c, DType to) {
  const CastRules rules = cast_rules(c);
  const Tensor& x = c.input(0);
  if (x.dtype() == to) {
    c.set_output(0, x);
  } else if (to == DType::string) {
    write_texts(x, c.output(0, to, x.shape()));
  } else if (x.dtype() != DType::string) {
    c.set_output(0, convert(c, x, to, rules));
  } else {
    Tensor& y = c.output(0, to, x.shape());
    if (to == DType::boolean) {
      read_texts<int64_t>(x, y, rules, [](const std::string& text) { return read_boolean(text); });
    } else if (is_float(to)) {
      read_texts<double>(x, y, rules, read_float);
    } else if (is_signed_int(to)) {
      read_texts<int64_t>(x, y, rules, read_signed);
    } else {
      read_texts<uint64_t>(x, y, rules, read_unsigned);
    }
  }
}

void infer_cast_to(InferContext& c, DType to) {
  cast_rules(c);
  c.set_output(0, to, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
  if (to != DType::i32 && to != DType::i64) return;
  if (auto elements = c.dims(0)) {
    for (Dim& element : *elements) element = held_by(to, element);
    c.set_dims(0, std::move(*elements));
  }
}

void infer_cast(InferContext& c) { infer_cast_to(c, cast_target(c)); }
void eval_cast(EvalContext& c) { cast_to(c, cast_target(c)); }
void infer_cast_like(InferContext& c) { infer_cast_to(c, c.dtype(1)); }
void eval_cast_like(EvalContext& c) { cast_to(c, c.input(1).dtype()); }

}  // namespace

extern const OpDef cast_op{"", "Cast", cast_versions, infer_cast, eval_cast};
extern const OpDef cast_like_op{"", "CastLike", cast_like_versions, infer_cast_like, eval_cast_like};

}  // namespace kiln::ops
