#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lstm_versions[] = {
    {1, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T initial_c?:T P?:T -> Y?:T Y_h?:T Y_c?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int input_forget:int=0 output_sequence:int=0",
     "T=real T1=i32"},
    {7, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T initial_c?:T P?:T -> Y?:T Y_h?:T Y_c?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int input_forget:int=0",
     "T=real T1=i32"},
    {14, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T initial_c?:T P?:T -> Y?:T Y_h?:T Y_c?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int input_forget:int=0 layout:int=0",
     "T=real T1=i32"},
    {22, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T initial_c?:T P?:T -> Y?:T Y_h?:T Y_c?:T",
     "activation_alpha:floats activation_beta:floats activations:strings clip:float direction:string=forward "
     "hidden_size:int input_forget:int=0 layout:int=0",
     "T=real,bf16 T1=i32"},
};

}  // namespace

extern const OpDef lstm_op{"", "LSTM", lstm_versions};

}  // namespace kiln::ops
