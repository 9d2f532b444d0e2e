#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText det_versions[] = {
    {11, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

}  // namespace

extern const OpDef det_op{"", "Det", det_versions};

}  // namespace kiln::ops
