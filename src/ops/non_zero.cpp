#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText non_zero_versions[] = {
    {9, "X:T -> Y:i64", "", "T=basic"},
    {13, "X:T -> Y:i64", "", "T=basic,bf16"},
};

}  // namespace

extern const OpDef non_zero_op{"", "NonZero", non_zero_versions};

}  // namespace kiln::ops
