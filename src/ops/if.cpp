#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText if_versions[] = {
    {1, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph", "V=basic B=bool"},
    {11, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph", "V=basic B=bool"},
    {13, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph", "V=basic,seq(basic) B=bool"},
    {16, "cond:B -> outputs~:V",
     "else_branch!:graph then_branch!:graph",
     "V=basic,bf16,seq(basic,bf16),optional_seq(basic,bf16),optional(basic,bf16) B=bool"},
    {19, "cond:B -> outputs~:V",
     "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,seq(basic,float8,bf16),optional_seq(basic,bf16),optional(basic,float8,bf16) B=bool"},
    {21, "cond:B -> outputs~:V",
     "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,seq(basic,float8,bf16,u4,i4),optional_seq(basic,bf16),optional(basic,float8,"
     "bf16,u4,i4) B=bool"},
    {23, "cond:B -> outputs~:V",
     "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,seq(basic,float8,bf16,u4,i4,f4e2m1),optional_seq(basic,bf16),"
     "optional(basic,float8,bf16,u4,i4,f4e2m1) B=bool"},
    {24, "cond:B -> outputs~:V",
     "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0),optional_seq(basic,"
     "bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0) B=bool"},
    {25, "cond:B -> outputs~:V",
     "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2),"
     "optional_seq(basic,bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2) B=bool"},
};

}  // namespace

extern const OpDef if_op{"", "If", if_versions};

}  // namespace kiln::ops
