#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText regex_full_match_versions[] = {
    {20, "X:T1 -> Y:T2", "pattern:string", "T1=string T2=bool"},
};

}  // namespace

extern const OpDef regex_full_match_op{"", "RegexFullMatch", regex_full_match_versions};

}  // namespace kiln::ops
