#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText and_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool T1=bool"},
};

constexpr SchemaText or_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool T1=bool"},
};

constexpr SchemaText xor_versions[] = {
    {1, "A:T B:T -> C:T1", "axis:int broadcast:int=0", "T=bool T1=bool"},
    {7, "A:T B:T -> C:T1", "", "T=bool T1=bool"},
};

constexpr SchemaText not_versions[] = {
    {1, "X:T -> Y:T", "", "T=bool"},
};

}  // namespace

extern const OpDef and_op{"", "And", and_versions};
extern const OpDef or_op{"", "Or", or_versions};
extern const OpDef xor_op{"", "Xor", xor_versions};
extern const OpDef not_op{"", "Not", not_versions};

}  // namespace kiln::ops
