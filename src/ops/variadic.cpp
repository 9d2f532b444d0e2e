#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_versions[] = {
    {1, "data_0*:T -> max:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> max:T", "", "T=real"},
    {8, "data_0*:T -> max:T", "", "T=real"},
    {12, "data_0*:T -> max:T", "", "T=numeric"},
    {13, "data_0*:T -> max:T", "", "T=numeric,bf16"},
};

constexpr SchemaText mean_versions[] = {
    {1, "data_0*:T -> mean:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> mean:T", "", "T=real"},
    {8, "data_0*:T -> mean:T", "", "T=real"},
    {13, "data_0*:T -> mean:T", "", "T=real,bf16"},
};

constexpr SchemaText min_versions[] = {
    {1, "data_0*:T -> min:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> min:T", "", "T=real"},
    {8, "data_0*:T -> min:T", "", "T=real"},
    {12, "data_0*:T -> min:T", "", "T=numeric"},
    {13, "data_0*:T -> min:T", "", "T=numeric,bf16"},
};

constexpr SchemaText sum_versions[] = {
    {1, "data_0*:T -> sum:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> sum:T", "", "T=real"},
    {8, "data_0*:T -> sum:T", "", "T=real"},
    {13, "data_0*:T -> sum:T", "", "T=real,bf16"},
};

}  // namespace

extern const OpDef max_op{"", "Max", max_versions};
extern const OpDef mean_op{"", "Mean", mean_versions};
extern const OpDef min_op{"", "Min", min_versions};
extern const OpDef sum_op{"", "Sum", sum_versions};

}  // namespace kiln::ops
