#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText string_split_versions[] = {
    {20, "X:T1 -> Y:T2 Z:T3", "delimiter:string maxsplit:int", "T1=string T2=string T3=i64"},
};

}  // namespace

extern const OpDef string_split_op{"", "StringSplit", string_split_versions};

}  // namespace kiln::ops
