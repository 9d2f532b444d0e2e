#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText optional_versions[] = {
    {15, "input?:V -> output:O", "type:type", "V=basic,seq(basic) O=optional_seq(basic),optional(basic)"},
    {28, "input?:V -> output:O", "type:type",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,"
     "u2,i2,f6e2m3,f6e3m2) O=optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),"
     "optional_seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2)"},
};

constexpr SchemaText optional_get_element_versions[] = {
    {15, "input:O -> output:V", "", "O=optional_seq(basic),optional(basic) V=basic,seq(basic)"},
    {18, "input:O -> output:V", "", "O=optional_seq(basic),optional(basic),basic,seq(basic) V=basic,seq(basic)"},
    {28, "input:O -> output:V", "",
     "O=optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),optional_seq(basic,float8,bf16,u4,"
     "i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2,"
     "seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2) V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,"
     "u2,i2,f6e2m3,f6e3m2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2)"},
};

constexpr SchemaText optional_has_element_versions[] = {
    {15, "input:O -> output:B", "", "O=optional_seq(basic),optional(basic) B=bool"},
    {18, "input?:O -> output:B", "", "O=optional_seq(basic),optional(basic),basic,seq(basic) B=bool"},
    {28, "input?:O -> output:B", "",
     "O=optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),optional_seq(basic,float8,bf16,u4,"
     "i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2,"
     "seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2) B=bool"},
};

void infer_optional(InferContext& c) {
  if (c.has_input(0)) return c.set_output(0, Type::optional(c.type(0)));
  if (!c.has_attribute("type")) {
    fail(ErrorCode::invalid_argument, "neither an input nor attribute 'type' is given");
  }
  c.set_output(0, Type::optional(c.attr_type("type")));
}

void eval_optional(EvalContext& c) { c.set_output(0, c.has_input(0) ? c.value(0) : Value()); }

void infer_optional_get_element(InferContext& c) {
  const Type& type = c.type(0);
  if (type.kind != Type::Kind::optional) return c.set_output(0, type);
  c.set_output(0, type.inner ? *type.inner : Type());
}

void eval_optional_get_element(EvalContext& c) {
  if (c.value(0).is_none()) fail(ErrorCode::invalid_argument, "the optional is empty");
  c.set_output(0, c.value(0));
}

void infer_optional_has_element(InferContext& c) { c.set_output(0, DType::boolean, SymShape{}); }

void eval_optional_has_element(EvalContext& c) {
  c.set_output(0, Tensor::scalar(c.has_input(0) && !c.value(0).is_none()));
}

}  // namespace

extern const OpDef optional_op{"", "Optional", optional_versions, infer_optional, eval_optional};
extern const OpDef optional_get_element_op{"", "OptionalGetElement", optional_get_element_versions,
                                           infer_optional_get_element, eval_optional_get_element};
extern const OpDef optional_has_element_op{"", "OptionalHasElement", optional_has_element_versions,
                                           infer_optional_has_element, eval_optional_has_element};

}  // namespace kiln::ops
