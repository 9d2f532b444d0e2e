#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText is_inf_versions[] = {
    {10, "X:T1 -> Y:T2", "detect_negative:int=1 detect_positive:int=1", "T1=f32,f64 T2=bool"},
    {20, "X:T1 -> Y:T2", "detect_negative:int=1 detect_positive:int=1", "T1=float8,real,bf16 T2=bool"},
};

constexpr SchemaText is_na_n_versions[] = {
    {9, "X:T1 -> Y:T2", "", "T1=real T2=bool"},
    {13, "X:T1 -> Y:T2", "", "T1=real,bf16 T2=bool"},
    {20, "X:T1 -> Y:T2", "", "T1=float8,real,bf16 T2=bool"},
};

}  // namespace

extern const OpDef is_inf_op{"", "IsInf", is_inf_versions};
extern const OpDef is_na_n_op{"", "IsNaN", is_na_n_versions};

}  // namespace kiln::ops
