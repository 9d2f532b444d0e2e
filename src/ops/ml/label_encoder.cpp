#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText label_encoder_versions[] = {
    {1, "X:T1 -> Y:T2",
     "classes_strings:strings default_int64:int=-1 default_string:string=_Unused",
     "T1=string,i64 T2=string,i64"},
    {2, "X:T1 -> Y:T2",
     "default_float:float=-0 default_int64:int=-1 default_string:string=_Unused keys_floats:floats "
     "keys_int64s:ints keys_strings:strings values_floats:floats values_int64s:ints values_strings:strings",
     "T1=string,i64,f32 T2=string,i64,f32"},
    {4, "X:T1 -> Y:T2",
     "default_float:float=-0 default_int64:int=-1 default_string:string=_Unused default_tensor:tensor "
     "keys_floats:floats keys_int64s:ints keys_strings:strings keys_tensor:tensor values_floats:floats "
     "values_int64s:ints values_strings:strings values_tensor:tensor",
     "T1=string,i64,f32,i32,i16,f64 T2=string,i64,f32,i32,i16,f64"},
};

}  // namespace

extern const OpDef label_encoder_op{"ai.onnx.ml", "LabelEncoder", label_encoder_versions};

}  // namespace kiln::ops
