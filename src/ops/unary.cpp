#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText abs_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=numeric"},
    {13, "X:T -> Y:T", "", "T=numeric,bf16"},
};

constexpr SchemaText acos_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText acosh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText asin_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText asinh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText atan_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText atanh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText ceil_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText cos_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText cosh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText erf_versions[] = {
    {9, "input:T -> output:T", "", "T=numeric"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText exp_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints", "T=real"},
    {6, "input:T -> output:T", "", "T=real"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText floor_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText log_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints", "T=real"},
    {6, "input:T -> output:T", "", "T=real"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText neg_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=int,real"},
    {13, "X:T -> Y:T", "", "T=int,real,bf16"},
};

constexpr SchemaText reciprocal_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText round_versions[] = {
    {11, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText sign_versions[] = {
    {9, "input:T -> output:T", "", "T=numeric"},
    {13, "input:T -> output:T", "", "T=numeric,bf16"},
};

constexpr SchemaText sin_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText sinh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText sqrt_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText tan_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText tanh_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints", "T=real"},
    {6, "input:T -> output:T", "", "T=real"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText sigmoid_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText softplus_versions[] = {
    {1, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText softsign_versions[] = {
    {1, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText hard_swish_versions[] = {
    {14, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText mish_versions[] = {
    {18, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText relu_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
    {14, "X:T -> Y:T", "", "T=int,real,bf16"},
};

}  // namespace

extern const OpDef abs_op{"", "Abs", abs_versions};
extern const OpDef acos_op{"", "Acos", acos_versions};
extern const OpDef acosh_op{"", "Acosh", acosh_versions};
extern const OpDef asin_op{"", "Asin", asin_versions};
extern const OpDef asinh_op{"", "Asinh", asinh_versions};
extern const OpDef atan_op{"", "Atan", atan_versions};
extern const OpDef atanh_op{"", "Atanh", atanh_versions};
extern const OpDef ceil_op{"", "Ceil", ceil_versions};
extern const OpDef cos_op{"", "Cos", cos_versions};
extern const OpDef cosh_op{"", "Cosh", cosh_versions};
extern const OpDef erf_op{"", "Erf", erf_versions};
extern const OpDef exp_op{"", "Exp", exp_versions};
extern const OpDef floor_op{"", "Floor", floor_versions};
extern const OpDef log_op{"", "Log", log_versions};
extern const OpDef neg_op{"", "Neg", neg_versions};
extern const OpDef reciprocal_op{"", "Reciprocal", reciprocal_versions};
extern const OpDef round_op{"", "Round", round_versions};
extern const OpDef sign_op{"", "Sign", sign_versions};
extern const OpDef sin_op{"", "Sin", sin_versions};
extern const OpDef sinh_op{"", "Sinh", sinh_versions};
extern const OpDef sqrt_op{"", "Sqrt", sqrt_versions};
extern const OpDef tan_op{"", "Tan", tan_versions};
extern const OpDef tanh_op{"", "Tanh", tanh_versions};
extern const OpDef sigmoid_op{"", "Sigmoid", sigmoid_versions};
extern const OpDef softplus_op{"", "Softplus", softplus_versions};
extern const OpDef softsign_op{"", "Softsign", softsign_versions};
extern const OpDef hard_swish_op{"", "HardSwish", hard_swish_versions};
extern const OpDef mish_op{"", "Mish", mish_versions};
extern const OpDef relu_op{"", "Relu", relu_versions};

}  // namespace kiln::ops
