#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText constant_versions[] = {
    {1, "-> output:T", "value!:tensor", "T=real"},
    {9, "-> output:T", "value!:tensor", "T=basic"},
    {11, "-> output:T", "sparse_value:sparse_tensor value:tensor", "T=basic"},
    {12, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic"},
    {13, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,bf16"},
    {19, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16"},
    {21, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4"},
    {23, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef constant_op{"", "Constant", constant_versions};

}  // namespace kiln::ops
