#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText bit_cast_versions[] = {
    {26, "input:T1 -> output:T2",
     "to!:int",
     "T1=numeric,float8,bf16,bool,c64,c128,u4,i4,f4e2m1,f8e8m0,u2,i2 T2=numeric,float8,bf16,bool,c64,c128,u4,"
     "i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef bit_cast_op{"", "BitCast", bit_cast_versions};

}  // namespace kiln::ops
