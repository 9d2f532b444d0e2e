#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/recurrent.hpp"

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

void infer_gru(InferContext& c) { infer_recurrent(c, 3); }

/// The gates are z (update), r (reset) and h (what is new):
///   z = f(X Wz^T + H Rz^T + Wbz + Rbz), r = f(X Wr^T + H Rr^T + Wbr + Rbr)
///   h = g(X Wh^T + (r H) Rh^T + Rbh + Wbh), or g(X Wh^T + r (H Rh^T + Rbh) + Wbh) with linear_before_reset
///   H = (1 - z) h + z H
template <class Compute>
void step_gru(const RecurrentProblem& p, const Recurrence<Compute>& r, const RnnActivation* f, bool linear,
              RecurrentState<Compute>& s) {
  const int64_t hidden = p.hidden, width = p.width();
  Compute *z = s.gates.data(), *reset = z + hidden, *fresh = reset + hidden;
  add_product(s.hidden.data(), r.weights.data(), hidden, width, 2 * hidden, z);
  for (int64_t j = 0; j < 2 * hidden; ++j) z[j] = f[0](z[j] + r.bias[j]);
  s.scratch.assign(static_cast<size_t>(2 * hidden), 0);
  Compute *given = s.scratch.data(), *product = given + hidden;
  for (int64_t j = 0; j < hidden; ++j) given[j] = linear ? s.hidden[j] : reset[j] * s.hidden[j];
  add_product(given, r.weights.data() + 2 * hidden, hidden, width, hidden, product);
  for (int64_t j = 0; j < hidden; ++j) {
    const Compute recurrent = product[j] + r.bias[2 * hidden + j];
    const Compute h = f[1](fresh[j] + (linear ? reset[j] * recurrent : recurrent));
    s.hidden[j] = (1 - z[j]) * h + z[j] * s.hidden[j];
  }
}

template <class Compute>
void run_gru(EvalContext& c, const RecurrentProblem& p) {
  const auto activations = rnn_activations(c, p.directions, {"Sigmoid", "Tanh"});
  const bool linear = c.attr_int("linear_before_reset", 0) != 0;
  run_recurrent<Compute>(c, p, activations, {initial_state(c, p, 5)},
                         [&](const Recurrence<Compute>& r, const RnnActivation* f, int64_t) {
                           return [&p, &r, f, linear](RecurrentState<Compute>& s) { step_gru(p, r, f, linear, s); };
                         });
}

void eval_gru(EvalContext& c) {
  const RecurrentProblem p = read_recurrent(c, 3);
  c.input(0).dtype() == DType::f64 ? run_gru<double>(c, p) : run_gru<float>(c, p);
}

}  // namespace

extern const OpDef gru_op{"", "GRU", gru_versions, infer_gru, eval_gru};

}  // namespace kiln::ops
