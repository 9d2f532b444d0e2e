#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText reverse_sequence_versions[] = {
    {10, "input:T sequence_lens:i64 -> Y:T", "batch_axis:int=1 time_axis:int=0", "T=basic"},
    {28, "input:T sequence_lens:i64 -> Y:T", "batch_axis:int=1 time_axis:int=0", "T=basic,bf16"},
};

}  // namespace

extern const OpDef reverse_sequence_op{"", "ReverseSequence", reverse_sequence_versions};

}  // namespace kiln::ops
