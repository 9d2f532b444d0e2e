#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText cast_versions[] = {
    {1, "input:T1 -> output:T2", "to!:string", "T1=numeric,bool T2=numeric,bool"},
    {6, "input:T1 -> output:T2", "to!:int", "T1=numeric,bool T2=numeric,bool"},
    {9, "input:T1 -> output:T2", "to!:int", "T1=numeric,bool,string T2=numeric,bool,string"},
    {13, "input:T1 -> output:T2", "to!:int", "T1=numeric,bool,string,bf16 T2=numeric,bool,string,bf16"},
    {19, "input:T1 -> output:T2",
     "saturate:int=1 to!:int",
     "T1=numeric,float8,bool,string,bf16 T2=numeric,float8,bool,string,bf16"},
    {21, "input:T1 -> output:T2",
     "saturate:int=1 to!:int",
     "T1=numeric,float8,bool,string,bf16,u4,i4 T2=numeric,float8,bool,string,bf16,u4,i4"},
    {23, "input:T1 -> output:T2",
     "saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1"},
    {24, "input:T1 -> output:T2",
     "round_mode:string=up saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,"
     "f8e8m0"},
    {25, "input:T1 -> output:T2",
     "round_mode:string=up saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2 T2=numeric,float8,bf16,string,bool,u4,i4,"
     "f4e2m1,f8e8m0,u2,i2"},
    {28, "input:T1 -> output:T2",
     "round_mode:string=up saturate:int=1 to!:int",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2 T2=numeric,float8,bf16,"
     "string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2"},
};

constexpr SchemaText cast_like_versions[] = {
    {15, "input:T1 target_type:T2 -> output:T2", "", "T1=numeric,bool,string,bf16 T2=numeric,bool,string,bf16"},
    {19, "input:T1 target_type:T2 -> output:T2",
     "saturate:int=1",
     "T1=numeric,float8,bool,string,bf16 T2=numeric,float8,bool,string,bf16"},
    {21, "input:T1 target_type:T2 -> output:T2",
     "saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4 T2=numeric,float8,bf16,string,bool,u4,i4"},
    {23, "input:T1 target_type:T2 -> output:T2",
     "saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1"},
    {24, "input:T1 target_type:T2 -> output:T2",
     "round_mode:string=up saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0 T2=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,"
     "f8e8m0"},
    {25, "input:T1 target_type:T2 -> output:T2",
     "round_mode:string=up saturate:int=1",
     "T1=numeric,float8,bf16,string,bool,u4,i4,f4e2m1,f8e8m0,u2,i2 T2=numeric,float8,bf16,string,bool,u4,i4,"
     "f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef cast_op{"", "Cast", cast_versions};
extern const OpDef cast_like_op{"", "CastLike", cast_like_versions};

}  // namespace kiln::ops
