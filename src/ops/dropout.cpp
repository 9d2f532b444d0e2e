#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dropout_versions[] = {
    {1, "data:T -> output:T mask?:T", "consumed_inputs:ints is_test:int=0 ratio:float=0.5", "T=real"},
    {6, "data:T -> output:T mask?:T", "is_test:int=0 ratio:float=0.5", "T=real"},
    {7, "data:T -> output:T mask?:T", "ratio:float=0.5", "T=real"},
    {10, "data:T -> output:T mask?:T1", "ratio:float=0.5", "T=real T1=bool"},
    {12, "data:T ratio?:T1 training_mode?:T2 -> output:T mask?:T2", "seed:int", "T=real T1=real T2=bool"},
    {13, "data:T ratio?:T1 training_mode?:T2 -> output:T mask?:T2", "seed:int", "T=real,bf16 T1=real T2=bool"},
    {22, "data:T ratio?:T1 training_mode?:T2 -> output:T mask?:T2",
     "seed:int",
     "T=float8,real,bf16 T1=float8,real,bf16 T2=bool"},
};

}  // namespace

extern const OpDef dropout_op{"", "Dropout", dropout_versions};

}  // namespace kiln::ops
