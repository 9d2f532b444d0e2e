#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/recurrent.hpp"

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

void infer_rnn(InferContext& c) { infer_recurrent(c, 1); }

/// H = f(X W^T + H R^T + Wb + Rb)
template <class Compute>
void run_rnn(EvalContext& c, const RecurrentProblem& p) {
  const auto activations = rnn_activations(c, p.directions, {"Tanh"});
  run_recurrent<Compute>(
      c, p, activations, {initial_state(c, p, 5)}, [&](const Recurrence<Compute>& r, const RnnActivation* f, int64_t) {
        return [&p, &r, f](RecurrentState<Compute>& s) {
          add_product(s.hidden.data(), r.weights.data(), p.hidden, p.width(), p.width(), s.gates.data());
          for (int64_t j = 0; j < p.hidden; ++j) s.hidden[j] = f[0](s.gates[j] + r.bias[j]);
        };
      });
}

void eval_rnn(EvalContext& c) {
  const RecurrentProblem p = read_recurrent(c, 1);
  c.input(0).dtype() == DType::f64 ? run_rnn<double>(c, p) : run_rnn<float>(c, p);
}

}  // namespace

extern const OpDef rnn_op{"", "RNN", rnn_versions, infer_rnn, eval_rnn};

}  // namespace kiln::ops
