#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText rnn_versions[] = {
    {1, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings=[Tanh,Tanh] clip:float "
     "direction:string=forward hidden_size:int output_sequence:int=0",
     "T=real T1=i32"},
    {7, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings=[Tanh,Tanh] clip:float "
     "direction:string=forward hidden_size:int",
     "T=real T1=i32"},
    {14, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings=[Tanh,Tanh] clip:float "
     "direction:string=forward hidden_size:int layout:int=0",
     "T=real T1=i32"},
    {22, "X:T W:T R:T B?:T sequence_lens?:T1 initial_h?:T -> Y?:T Y_h?:T",
     "activation_alpha:floats activation_beta:floats activations:strings=[Tanh,Tanh] clip:float "
     "direction:string=forward hidden_size:int layout:int=0",
     "T=real,bf16 T1=i32"},
};

}  // namespace

extern const OpDef rnn_op{"", "RNN", rnn_versions};

}  // namespace kiln::ops
