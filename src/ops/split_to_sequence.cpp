#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText split_to_sequence_versions[] = {
    {11, "input:T split?:I -> output_sequence:S", "axis:int=0 keepdims:int=1", "T=basic I=i32,i64 S=seq(basic)"},
    {24, "input:T split?:I -> output_sequence:S",
     "axis:int=0 keepdims:int=1",
     "T=basic,bf16 I=i32,i64 S=seq(basic,bf16)"},
};

}  // namespace

extern const OpDef split_to_sequence_op{"", "SplitToSequence", split_to_sequence_versions};

}  // namespace kiln::ops
