#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/recurrent.hpp"

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

void infer_lstm(InferContext& c) {
  infer_recurrent(c, 4);
  const SymShape* peepholes = c.shape(7);
  if (!peepholes) return;
  if (peepholes->size() != 2) fail(ErrorCode::invalid_argument, "P must have rank 2, found {}", peepholes->size());
  if (const SymShape* r = c.shape(2)) merge_dims((*peepholes)[1], (*r)[2] * Dim(3), "elements of P");
}

/// The gates are i (input), o (output), f (forget) and c (cell); `p` holds the peepholes for i, o and f:
///   i = f(X Wi^T + H Ri^T + pi C + Wbi + Rbi), likewise f (or 1 - i with input_forget), c = g(... without peephole)
///   C' = f C + i c, o = f(X Wo^T + H Ro^T + po C' + Wbo + Rbo), H = o h(C')
/// `clip` holds the sums of the gates; the cell reaches h as it is.
template <class Compute>
void step_lstm(const RecurrentProblem& p, const Recurrence<Compute>& r, const RnnActivation* f, const Compute* peep,
               bool input_forget, RecurrentState<Compute>& s) {
  const int64_t hidden = p.hidden, width = p.width();
  add_product(s.hidden.data(), r.weights.data(), hidden, width, width, s.gates.data());
  for (int64_t j = 0; j < width; ++j) s.gates[j] += r.bias[j];
  const Compute *in = s.gates.data(), *out = in + hidden, *forget = out + hidden, *fresh = forget + hidden;
  for (int64_t j = 0; j < hidden; ++j) {
    const Compute old = s.cell[j];
    const Compute i = f[0](in[j] + peep[j] * old);
    const Compute kept = input_forget ? 1 - i : f[0](forget[j] + peep[2 * hidden + j] * old);
    s.cell[j] = kept * old + i * f[1](fresh[j]);
    s.hidden[j] = f[0](out[j] + peep[hidden + j] * s.cell[j]) * f[2].unclipped(s.cell[j]);
  }
}

template <class Compute>
std::vector<Compute> peepholes_of(const EvalContext& c, const RecurrentProblem& p) {
  std::vector<Compute> result(static_cast<size_t>(p.directions * 3 * p.hidden), 0);
  if (!c.has_input(7)) return result;
  const Shape expected{p.directions, 3 * p.hidden};
  if (c.input(7).shape() != expected) {
    fail(ErrorCode::invalid_argument, "P must have shape {}, found {}", to_string(expected),
         to_string(c.input(7).shape()));
  }
  const Widened<Compute> given(c.input(7));
  std::copy_n(given.data(), result.size(), result.begin());
  return result;
}

template <class Compute>
void run_lstm(EvalContext& c, const RecurrentProblem& p) {
  const auto activations = rnn_activations(c, p.directions, {"Sigmoid", "Tanh", "Tanh"});
  const std::vector<Compute> peepholes = peepholes_of<Compute>(c, p);
  const bool input_forget = c.attr_int("input_forget") != 0;
  run_recurrent<Compute>(c, p, activations, {initial_state(c, p, 5), initial_state(c, p, 6)},
                         [&](const Recurrence<Compute>& r, const RnnActivation* f, int64_t direction) {
                           const Compute* peep = peepholes.data() + direction * 3 * p.hidden;
                           return [&p, &r, f, peep, input_forget](RecurrentState<Compute>& s) {
                             step_lstm(p, r, f, peep, input_forget, s);
                           };
                         });
}

void eval_lstm(EvalContext& c) {
  const RecurrentProblem p = read_recurrent(c, 4);
  c.input(0).dtype() == DType::f64 ? run_lstm<double>(c, p) : run_lstm<float>(c, p);
}

}  // namespace

extern const OpDef lstm_op{"", "LSTM", lstm_versions, infer_lstm, eval_lstm};

}  // namespace kiln::ops
