#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText bernoulli_versions[] = {
    {15, "input:T1 -> output:T2", "dtype:int seed:float", "T1=real T2=numeric,bf16,bool"},
    {22, "input:T1 -> output:T2", "dtype:int seed:float", "T1=real,bf16 T2=numeric,bf16,bool"},
};

}  // namespace

extern const OpDef bernoulli_op{"", "Bernoulli", bernoulli_versions};

}  // namespace kiln::ops
