#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText softmax_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {11, "input:T -> output:T", "axis:int=1", "T=real"},
    {13, "input:T -> output:T", "axis:int=-1", "T=real,bf16"},
};

constexpr SchemaText log_softmax_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {11, "input:T -> output:T", "axis:int=1", "T=real"},
    {13, "input:T -> output:T", "axis:int=-1", "T=real,bf16"},
};

constexpr SchemaText hardmax_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {11, "input:T -> output:T", "axis:int=1", "T=real"},
    {13, "input:T -> output:T", "axis:int=-1", "T=real,bf16"},
};

}  // namespace

extern const OpDef softmax_op{"", "Softmax", softmax_versions};
extern const OpDef log_softmax_op{"", "LogSoftmax", log_softmax_versions};
extern const OpDef hardmax_op{"", "Hardmax", hardmax_versions};

}  // namespace kiln::ops
