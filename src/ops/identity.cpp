#include "ops/op.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText identity_versions[] = {
    {1, "input:T -> output:T", "", "T=basic"},
    {13, "input:T -> output:T", "", "T=basic,bf16"},
    {14, "input:V -> output:V", "", "V=basic,bf16,seq(basic)"},
    {16, "input:V -> output:V", "", "V=basic,bf16,seq(basic),optional_seq(basic),optional(basic)"},
    {19, "input:V -> output:V", "", "V=basic,float8,bf16,seq(basic),optional_seq(basic),optional(basic)"},
    {21, "input:V -> output:V", "", "V=basic,float8,bf16,u4,i4,seq(basic),optional_seq(basic),optional(basic)"},
    {23, "input:V -> output:V", "", "V=basic,float8,bf16,u4,i4,f4e2m1,seq(basic),optional_seq(basic),optional(basic)"},
    {24, "input:V -> output:V", "",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,seq(basic),optional_seq(basic),optional(basic)"},
    {25, "input:V -> output:V", "",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,seq(basic),optional_seq(basic),optional(basic)"},
};

void infer_identity(InferContext& c) {
  infer_same_as_first(c);
  if (auto elements = c.dims(0)) c.set_dims(0, std::move(*elements));
}

void eval_identity(EvalContext& c) { c.set_output(0, c.value(0)); }

}  // namespace

extern const OpDef identity_op{"", "Identity", identity_versions, infer_identity, eval_identity};

}  // namespace kiln::ops
