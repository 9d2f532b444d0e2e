#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText string_concat_versions[] = {
    {20, "X:T Y:T -> Z:T", "", "T=string"},
};

}  // namespace

extern const OpDef string_concat_op{"", "StringConcat", string_concat_versions};

}  // namespace kiln::ops
