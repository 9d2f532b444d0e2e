#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText bitwise_and_versions[] = {
    {18, "A:T B:T -> C:T", "", "T=int,uint"},
};

constexpr SchemaText bitwise_or_versions[] = {
    {18, "A:T B:T -> C:T", "", "T=int,uint"},
};

constexpr SchemaText bitwise_xor_versions[] = {
    {18, "A:T B:T -> C:T", "", "T=int,uint"},
};

constexpr SchemaText bitwise_not_versions[] = {
    {18, "X:T -> Y:T", "", "T=int,uint"},
};

constexpr SchemaText bit_shift_versions[] = {
    {11, "X:T Y:T -> Z:T", "direction!:string", "T=uint"},
    {28, "X:T Y:T -> Z:T", "direction!:string", "T=int,uint"},
};

}  // namespace

extern const OpDef bitwise_and_op{"", "BitwiseAnd", bitwise_and_versions};
extern const OpDef bitwise_or_op{"", "BitwiseOr", bitwise_or_versions};
extern const OpDef bitwise_xor_op{"", "BitwiseXor", bitwise_xor_versions};
extern const OpDef bitwise_not_op{"", "BitwiseNot", bitwise_not_versions};
extern const OpDef bit_shift_op{"", "BitShift", bit_shift_versions};

}  // namespace kiln::ops
