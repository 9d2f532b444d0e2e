#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText celu_versions[] = {
    {12, "X:T -> Y:T", "alpha:float=1", "T=f32"},
    {28, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

constexpr SchemaText elu_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=1 consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=1", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

constexpr SchemaText gelu_versions[] = {
    {20, "X:T -> Y:T", "approximate:string=none", "T=real,bf16"},
};

constexpr SchemaText hard_sigmoid_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=0.200000003 beta:float=0.5 consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=0.200000003 beta:float=0.5", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=0.200000003 beta:float=0.5", "T=real,bf16"},
};

constexpr SchemaText leaky_relu_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=0.00999999978 consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=0.00999999978", "T=real"},
    {16, "X:T -> Y:T", "alpha:float=0.00999999978", "T=real,bf16"},
};

constexpr SchemaText selu_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=1.67320001 consumed_inputs:ints gamma:float=1.05069995", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=1.67326319 gamma:float=1.05070102", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=1.67326319 gamma:float=1.05070102", "T=real,bf16"},
};

constexpr SchemaText shrink_versions[] = {
    {9, "input:T -> output:T", "bias:float=0 lambd:float=0.5", "T=numeric"},
};

constexpr SchemaText swish_versions[] = {
    {24, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

constexpr SchemaText thresholded_relu_versions[] = {
    {10, "X:T -> Y:T", "alpha:float=1", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

}  // namespace

extern const OpDef celu_op{"", "Celu", celu_versions};
extern const OpDef elu_op{"", "Elu", elu_versions};
extern const OpDef gelu_op{"", "Gelu", gelu_versions};
extern const OpDef hard_sigmoid_op{"", "HardSigmoid", hard_sigmoid_versions};
extern const OpDef leaky_relu_op{"", "LeakyRelu", leaky_relu_versions};
extern const OpDef selu_op{"", "Selu", selu_versions};
extern const OpDef shrink_op{"", "Shrink", shrink_versions};
extern const OpDef swish_op{"", "Swish", swish_versions};
extern const OpDef thresholded_relu_op{"", "ThresholdedRelu", thresholded_relu_versions};

}  // namespace kiln::ops
