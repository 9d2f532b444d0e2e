#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText concat_versions[] = {
    {1, "inputs*:T -> concat_result:T", "axis:int", "T=real"},
    {4, "inputs*:T -> concat_result:T", "axis!:int", "T=basic"},
    {11, "inputs*:T -> concat_result:T", "axis!:int", "T=basic"},
    {13, "inputs*:T -> concat_result:T", "axis!:int", "T=basic,bf16"},
};

}  // namespace

extern const OpDef concat_op{"", "Concat", concat_versions};

}  // namespace kiln::ops
