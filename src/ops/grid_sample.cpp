#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText grid_sample_versions[] = {
    {16, "X:T1 grid:T2 -> Y:T1",
     "align_corners:int=0 mode:string=bilinear padding_mode:string=zeros",
     "T1=basic T2=real"},
    {20, "X:T1 grid:T2 -> Y:T1",
     "align_corners:int=0 mode:string=linear padding_mode:string=zeros",
     "T1=basic T2=real"},
    {22, "X:T1 grid:T2 -> Y:T1",
     "align_corners:int=0 mode:string=linear padding_mode:string=zeros",
     "T1=basic,bf16 T2=real,bf16"},
};

}  // namespace

extern const OpDef grid_sample_op{"", "GridSample", grid_sample_versions};

}  // namespace kiln::ops
