#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText concat_from_sequence_versions[] = {
    {11, "input_sequence:S -> concat_result:T", "axis!:int new_axis:int=0", "S=seq(basic) T=basic"},
};

}  // namespace

extern const OpDef concat_from_sequence_op{"", "ConcatFromSequence", concat_from_sequence_versions};

}  // namespace kiln::ops
