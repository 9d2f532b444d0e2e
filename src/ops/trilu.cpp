#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText trilu_versions[] = {
    {14, "input:T k?:i64 -> output:T", "upper:int=1", "T=basic,bf16"},
};

}  // namespace

extern const OpDef trilu_op{"", "Trilu", trilu_versions};

}  // namespace kiln::ops
