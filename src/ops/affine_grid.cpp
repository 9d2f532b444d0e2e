#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText affine_grid_versions[] = {
    {20, "theta:T1 size:T2 -> grid:T1", "align_corners:int=0", "T1=real,bf16 T2=i64"},
};

}  // namespace

extern const OpDef affine_grid_op{"", "AffineGrid", affine_grid_versions};

}  // namespace kiln::ops
