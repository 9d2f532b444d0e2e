#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText multinomial_versions[] = {
    {7, "input:T1 -> output:T2", "dtype:int=6 sample_size:int=1 seed:float", "T1=real T2=i32,i64"},
    {22, "input:T1 -> output:T2", "dtype:int=6 sample_size:int=1 seed:float", "T1=real,bf16 T2=i32,i64"},
};

}  // namespace

extern const OpDef multinomial_op{"", "Multinomial", multinomial_versions};

}  // namespace kiln::ops
