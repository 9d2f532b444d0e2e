#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText depth_to_space_versions[] = {
    {1, "input:T -> output:T", "blocksize!:int", "T=basic"},
    {11, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic"},
    {13, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic,bf16"},
    {28, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic,bf16"},
};

constexpr SchemaText space_to_depth_versions[] = {
    {1, "input:T -> output:T", "blocksize!:int", "T=basic"},
    {13, "input:T -> output:T", "blocksize!:int", "T=basic,bf16"},
    {28, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic,bf16"},
};

}  // namespace

extern const OpDef depth_to_space_op{"", "DepthToSpace", depth_to_space_versions};
extern const OpDef space_to_depth_op{"", "SpaceToDepth", space_to_depth_versions};

}  // namespace kiln::ops
