#pragma once

#include "kernels/rnn/recurrent_cells_table.hpp"
#include "kernels/simd/math.hpp"

/// Included by recurrent_cells_<isa>.cpp only.
namespace kiln {

/// The sums of the gates of one row.
template <Isa isa>
struct GateSums {
  using V = Vec<float, isa>;
  const RecurrentCellArgs& a;
  int64_t row;

  [[gnu::always_inline]] V input(int gate) const { return V::load(a.input + row * a.input_row + gate * V::lanes); }
  [[gnu::always_inline]] V product(int gate) const {
    return V::load(a.product + row * a.product_row + gate * a.product_gate);
  }
  [[gnu::always_inline]] V held(V sum) const { return min(V::all(a.clip), max(V::all(-a.clip), sum)); }
  [[gnu::always_inline]] V sum(int gate) const { return held(input(gate) + product(gate)); }
};

template <Isa isa>
[[gnu::always_inline]] inline void put_hidden(const RecurrentCellArgs& a, int64_t row, Vec<float, isa> hidden) {
  hidden.store(a.hidden + row * a.state_row);
  if (a.y == nullptr) return;
  if (a.count == Vec<float, isa>::lanes) {
    hidden.store(a.y + row * a.y_row);
  } else {
    hidden.store_first(a.y + row * a.y_row, a.count);
  }
}

/// Gates i, o, f, c.
template <Isa isa, bool coupled>
void lstm_cell(const RecurrentCellArgs& a) {
  using V = Vec<float, isa>;
  for (int64_t row = 0; row < a.rows; ++row) {
    const GateSums<isa> sums{a, row};
    const V in = sigmoid(sums.sum(0)), out = sigmoid(sums.sum(1)), fresh = tanh(sums.sum(3));
    const V keep = coupled ? V::all(1.0f) - in : sigmoid(sums.sum(2));
    float* const at = a.cell + row * a.state_row;
    const V cell = fma(keep, V::load(at), in * fresh);
    cell.store(at);
    put_hidden<isa>(a, row, out * tanh(cell));
  }
}

template <class V>
[[gnu::always_inline]] inline V gru_mix(V update, V fresh, V before) {
  return fma(update, before, (V::all(1.0f) - update) * fresh);
}

/// Gates z, r, h.
template <Isa isa>
void gru_linear_cell(const RecurrentCellArgs& a) {
  using V = Vec<float, isa>;
  for (int64_t row = 0; row < a.rows; ++row) {
    const GateSums<isa> sums{a, row};
    const V update = sigmoid(sums.sum(0)), reset = sigmoid(sums.sum(1));
    const V fresh = tanh(sums.held(fma(reset, sums.product(2), sums.input(2))));
    put_hidden<isa>(a, row, gru_mix(update, fresh, V::load(a.before + row * a.state_row)));
  }
}

template <Isa isa>
void gru_gates_cell(const RecurrentCellArgs& a) {
  using V = Vec<float, isa>;
  for (int64_t row = 0; row < a.rows; ++row) {
    const GateSums<isa> sums{a, row};
    const int64_t at = row * a.state_row;
    sigmoid(sums.sum(0)).store(a.update + at);
    (sigmoid(sums.sum(1)) * V::load(a.before + at)).store(a.reset + at);
  }
}

template <Isa isa>
void gru_hidden_cell(const RecurrentCellArgs& a) {
  using V = Vec<float, isa>;
  for (int64_t row = 0; row < a.rows; ++row) {
    const GateSums<isa> sums{a, row};
    const int64_t at = row * a.state_row;
    const V fresh = tanh(sums.held(sums.input(2) + sums.product(0)));
    put_hidden<isa>(a, row, gru_mix(V::load(a.update + at), fresh, V::load(a.before + at)));
  }
}

template <Isa isa, bool relu>
void rnn_cell(const RecurrentCellArgs& a) {
  using V = Vec<float, isa>;
  for (int64_t row = 0; row < a.rows; ++row) {
    const V sum = GateSums<isa>{a, row}.sum(0);
    put_hidden<isa>(a, row, relu ? max(V::all(0.0f), sum) : tanh(sum));
  }
}

template <Isa isa>
constexpr RecurrentCellsTable make_recurrent_cells_table() {
  return {lstm_cell<isa, false>, lstm_cell<isa, true>, gru_linear_cell<isa>, gru_gates_cell<isa>,
          gru_hidden_cell<isa>,  rnn_cell<isa, false>, rnn_cell<isa, true>};
}

}  // namespace kiln
