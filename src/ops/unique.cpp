#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText unique_versions[] = {
    {11, "X:T -> Y:T indices?:i64 inverse_indices?:i64 counts?:i64", "axis:int sorted:int=1", "T=basic"},
    {28, "X:T -> Y:T indices?:i64 inverse_indices?:i64 counts?:i64", "axis:int sorted:int=1", "T=basic,bf16"},
};

}  // namespace

extern const OpDef unique_op{"", "Unique", unique_versions};

}  // namespace kiln::ops
