#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText matmul_integer_versions[] = {
    {10, "A:T1 B:T2 a_zero_point?:T1 b_zero_point?:T2 -> Y:T3", "", "T1=i8,u8 T2=i8,u8 T3=i32"},
};

}  // namespace

extern const OpDef matmul_integer_op{"", "MatMulInteger", matmul_integer_versions};

}  // namespace kiln::ops
