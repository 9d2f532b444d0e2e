#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText string_normalizer_versions[] = {
    {10, "X:string -> Y:string",
     "case_change_action:string=NONE is_case_sensitive:int=0 locale:string stopwords:strings"},
};

}  // namespace

extern const OpDef string_normalizer_op{"", "StringNormalizer", string_normalizer_versions};

}  // namespace kiln::ops
