#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText mean_variance_normalization_versions[] = {
    {9, "X:T -> Y:T", "axes:ints=[0,2,3]", "T=real"},
    {13, "X:T -> Y:T", "axes:ints=[0,2,3]", "T=real,bf16"},
};

}  // namespace

extern const OpDef mean_variance_normalization_op{"", "MeanVarianceNormalization", mean_variance_normalization_versions};

}  // namespace kiln::ops
