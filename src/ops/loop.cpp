#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText loop_versions[] = {
    {1, "M?:I cond?:B v_initial~:V -> v_final_and_scan_outputs~:V", "body!:graph", "V=basic I=i64 B=bool"},
    {11, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph", "V=basic I=i64 B=bool"},
    {13, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,seq(basic) I=i64 B=bool"},
    {16, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,bf16,seq(basic,bf16),optional_seq(basic,bf16),optional(basic,bf16) I=i64 B=bool"},
    {19, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,float8,bf16,seq(basic,float8,bf16),optional_seq(basic,bf16),optional(basic,float8,bf16) I=i64 "
     "B=bool"},
    {21, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,float8,bf16,u4,i4,seq(basic,float8,bf16,u4,i4),optional_seq(basic,bf16),optional(basic,float8,"
     "bf16,u4,i4) I=i64 B=bool"},
    {23, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,seq(basic,float8,bf16,u4,i4,f4e2m1),optional_seq(basic,bf16),"
     "optional(basic,float8,bf16,u4,i4,f4e2m1) I=i64 B=bool"},
    {24, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0),optional_seq(basic,"
     "bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0) I=i64 B=bool"},
    {25, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V",
     "body!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2),"
     "optional_seq(basic,bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2) I=i64 B=bool"},
};

}  // namespace

extern const OpDef loop_op{"", "Loop", loop_versions};

}  // namespace kiln::ops
