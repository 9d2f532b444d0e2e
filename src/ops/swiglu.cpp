#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText swiglu_versions[] = {
    {28, "A:T B:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

}  // namespace

extern const OpDef swiglu_op{"", "SwiGLU", swiglu_versions};

}  // namespace kiln::ops
