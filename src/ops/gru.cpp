#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gru_versions[] = {
    {1, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=foward "
     "hidden_size:int output_sequence:int=0",
     "T=real T1=i32"},
    {3, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int linear_before_reset:int=0 output_sequence:int=0",
     "T=real T1=i32"},
    {7, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int linear_before_reset:int=0",
     "T=real T1=i32"},
    {14, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int layout:int=0 linear_before_reset:int=0",
     "T=real T1=i32"},
    {22, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int layout:int=0 linear_before_reset:int=0",
     "T=real,bf16 T1=i32"},
};

}  // namespace

extern const OpDef gru_op{"", "GRU", gru_versions};

}  // namespace kiln::ops
