#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText global_average_pool_versions[] = {
    {1, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText global_lp_pool_versions[] = {
    {1, "X:T -> Y:T", "p:float=2", "T=real"},
    {2, "X:T -> Y:T", "p:int=2", "T=real"},
    {22, "X:T -> Y:T", "p:int=2", "T=real,bf16"},
};

constexpr SchemaText global_max_pool_versions[] = {
    {1, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

}  // namespace

extern const OpDef global_average_pool_op{"", "GlobalAveragePool", global_average_pool_versions};
extern const OpDef global_lp_pool_op{"", "GlobalLpPool", global_lp_pool_versions};
extern const OpDef global_max_pool_op{"", "GlobalMaxPool", global_max_pool_versions};

}  // namespace kiln::ops
