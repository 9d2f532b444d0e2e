#pragma once

#include <algorithm>
#include <vector>

#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/support/gemm.hpp"
#include "ops/support/rnn_activation.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {

/// What RNN, GRU and LSTM have in common: inputs X W R B sequence_lens initial_h, outputs Y Y_h.
struct RecurrentProblem {
  int64_t steps, batch, input_size, hidden, directions, gates;
  bool batch_first;              ///< layout 1: the batch is the first axis of every sequence and state
  bool reverse;                  ///< the first direction runs backwards; a second one always does
  std::vector<int64_t> lengths;  ///< of each sequence of the batch

  int64_t width() const { return gates * hidden; }  ///< numbers of all gates together
  int64_t input_row(int64_t t, int64_t b) const { return batch_first ? b * steps + t : t * batch + b; }
  int64_t output_row(int64_t t, int64_t d, int64_t b) const {
    return batch_first ? (b * steps + t) * directions + d : (t * directions + d) * batch + b;
  }
  int64_t state_row(int64_t d, int64_t b) const { return batch_first ? b * directions + d : d * batch + b; }
  Shape output_shape() const;
  Shape state_shape() const;
  bool runs_backwards(int64_t d) const { return reverse || d == 1; }
};

RecurrentProblem read_recurrent(EvalContext& c, int64_t gates);
/// The initial states in `index`, checked; nothing where they are left out.
const Tensor* initial_state(const EvalContext& c, const RecurrentProblem& problem, size_t index);
/// Y, Y_h and for LSTM Y_c.
void infer_recurrent(InferContext& c, int64_t gates);

/// The weights of one direction made ready: everything that does not wait for the state is computed ahead.
template <class Compute>
struct Recurrence {
  std::vector<Compute> inputs;   ///< X W^T + Wb, [rows of X][gates * hidden]
  std::vector<Compute> weights;  ///< R^T, [hidden][gates * hidden]
  std::vector<Compute> bias;     ///< Rb, [gates * hidden]
};

/// out[j] += sum of x[k] * matrix[k][j], the rows of the matrix `step` apart.
template <class Compute>
void add_product(const Compute* x, const Compute* matrix, int64_t depth, int64_t step, int64_t width, Compute* out) {
  for (int64_t k = 0; k < depth; ++k) {
    const Compute factor = x[k];
    const Compute* row = matrix + k * step;
    for (int64_t j = 0; j < width; ++j) out[j] += factor * row[j];
  }
}

template <class Compute>
std::vector<Compute> transposed(const Compute* matrix, int64_t rows, int64_t columns) {
  std::vector<Compute> result(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) result[j * rows + i] = matrix[i * columns + j];
  }
  return result;
}

template <class Compute>
Recurrence<Compute> prepare_recurrence(EvalContext& c, const RecurrentProblem& p, int64_t direction) {
  const int64_t width = p.width(), rows = p.steps * p.batch, depth = p.input_size;
  const Widened<Compute> x(c.input(0)), w(c.input(1)), r(c.input(2));
  Recurrence<Compute> result;
  result.weights = transposed(r.data() + direction * width * p.hidden, width, p.hidden);
  result.bias.assign(static_cast<size_t>(width), 0);
  std::vector<Compute> input_bias(static_cast<size_t>(width), 0);
  if (c.has_input(3)) {
    const Widened<Compute> b(c.input(3));
    std::copy_n(b.data() + direction * 2 * width, width, input_bias.begin());
    std::copy_n(b.data() + (direction * 2 + 1) * width, width, result.bias.begin());
  }
  result.inputs.resize(static_cast<size_t>(rows * width));
  const Compute* weights = w.data() + direction * width * depth;
  gemm<Compute>(
      c, {1, rows, width, depth},
      [&](int64_t, int64_t row, int64_t begin, int64_t count, Compute* to) {
        copy_run(x.data() + row * depth + begin, 1, count, to);
      },
      [&](int64_t, int64_t row, int64_t begin, int64_t count, Compute* to) {
        copy_run(weights + begin * depth + row, depth, count, to);
      },
      result.inputs.data());
  for (int64_t i = 0; i < rows * width; ++i) result.inputs[i] += input_bias[i % width];
  return result;
}

/// The numbers of one sequence while it runs.
template <class Compute>
struct RecurrentState {
  std::vector<Compute> gates;  ///< on entry to a step: X W^T + Wb
  std::vector<Compute> hidden, cell, scratch;
};

/// Runs step(state) over all sequences of one direction; states[0] is hidden, states[1] the cell of an LSTM.
template <class Compute, class Step>
void run_direction(EvalContext& c, const RecurrentProblem& p, int64_t direction, const Recurrence<Compute>& recurrence,
                   Tensor* y, std::vector<const Tensor*> initial, std::vector<Tensor*> last, Step&& step) {
  std::vector<Widened<Compute>> starts;
  for (const Tensor* tensor : initial) starts.push_back(tensor ? Widened<Compute>(*tensor) : Widened<Compute>());
  c.parallel_for(p.batch, 1, [&](int64_t begin, int64_t end) {
    RecurrentState<Compute> state;
    const std::vector<Compute> zeros(static_cast<size_t>(p.hidden), 0);
    for (int64_t b = begin; b < end; ++b) {
      const int64_t at = p.state_row(direction, b) * p.hidden, length = p.lengths[b];
      auto start = [&](size_t k) {
        return k < starts.size() && starts[k].data()
                   ? std::vector<Compute>(starts[k].data() + at, starts[k].data() + at + p.hidden)
                   : zeros;
      };
      state.hidden = start(0);
      state.cell = start(1);
      for (int64_t s = 0; s < length; ++s) {
        const int64_t t = p.runs_backwards(direction) ? length - 1 - s : s;
        const Compute* row = recurrence.inputs.data() + p.input_row(t, b) * p.width();
        state.gates.assign(row, row + p.width());
        step(state);
        stop_point(p.width() * p.hidden);
        if (y) narrow_into(state.hidden.data(), p.hidden, *y, p.output_row(t, direction, b) * p.hidden);
      }
      for (int64_t t = length; y && t < p.steps; ++t) {
        narrow_into(zeros.data(), p.hidden, *y, p.output_row(t, direction, b) * p.hidden);
      }
      for (size_t k = 0; k < last.size(); ++k) {
        if (last[k]) narrow_into((k == 0 ? state.hidden : state.cell).data(), p.hidden, *last[k], at);
      }
    }
  });
}

/// A recurrent operator of one state: `make_step(recurrence, activations)` gives the step of a direction.
template <class Compute, class MakeStep>
void run_recurrent(EvalContext& c, const RecurrentProblem& p, const std::vector<RnnActivation>& activations,
                   const std::vector<const Tensor*>& initial, MakeStep&& make_step) {
  const DType dtype = c.input(0).dtype();
  Tensor* y = c.wants_output(0) ? &c.output(0, dtype, p.output_shape()) : nullptr;
  std::vector<Tensor*> last;
  for (size_t k = 0; k < initial.size(); ++k) {
    last.push_back(c.wants_output(k + 1) ? &c.output(k + 1, dtype, p.state_shape()) : nullptr);
  }
  const size_t each = activations.size() / static_cast<size_t>(p.directions);
  for (int64_t d = 0; d < p.directions; ++d) {
    const Recurrence<Compute> recurrence = prepare_recurrence<Compute>(c, p, d);
    run_direction(c, p, d, recurrence, y, initial, last,
                  make_step(recurrence, activations.data() + static_cast<size_t>(d) * each, d));
  }
}

}  // namespace kiln::ops
