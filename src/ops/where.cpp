#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText where_versions[] = {
    {9, "condition:B X:T Y:T -> output:T", "", "B=bool T=basic"},
    {16, "condition:B X:T Y:T -> output:T", "", "B=bool T=basic,bf16"},
};

}  // namespace

extern const OpDef where_op{"", "Where", where_versions};

}  // namespace kiln::ops
