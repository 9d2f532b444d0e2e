#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tile_versions[] = {
    {1, "input:T tiles:T axis:T -> output:T", "", "T=real T1=i64"},
    {6, "input:T repeats:T1 -> output:T", "", "T=basic T1=i64"},
    {13, "input:T repeats:T1 -> output:T", "", "T=basic,bf16 T1=i64"},
};

}  // namespace

extern const OpDef tile_op{"", "Tile", tile_versions};

}  // namespace kiln::ops
