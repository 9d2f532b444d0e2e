#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText mod_versions[] = {
    {10, "A:T B:T -> C:T", "fmod:int=0", "T=numeric"},
    {13, "A:T B:T -> C:T", "fmod:int=0", "T=numeric,bf16"},
    {28, "A:T B:T -> C:T", "fmod:int=0", "T=numeric,bf16"},
};

}  // namespace

extern const OpDef mod_op{"", "Mod", mod_versions};

}  // namespace kiln::ops
