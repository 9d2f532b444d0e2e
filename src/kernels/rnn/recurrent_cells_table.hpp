#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// A register's worth of hidden numbers in some rows of the batch, from the gates' sums to the next state. A gate's sum
/// is `input` plus `product`; steps are in floats.
struct RecurrentCellArgs {
  int64_t rows;
  const float* input;  ///< x W + b, the gates one after the other, a register each
  int64_t input_row;
  const float* product;  ///< h R
  int64_t product_row, product_gate;
  float clip;  ///< sums are held to [-clip, clip]; infinity for not
  const float* before;
  float* hidden;
  float* cell;        ///< of LSTM
  float* update;      ///< of GRU: the gate z
  float* reset;       ///< of GRU: r h
  int64_t state_row;  ///< of all of these
  float* y;           ///< the hidden state once more; null for not
  int64_t y_row;
  int count;  ///< of the numbers that y has
};
using RecurrentCell = void (*)(const RecurrentCellArgs&);

/// The cells on one instruction set.
struct RecurrentCellsTable {
  RecurrentCell lstm, lstm_coupled;     ///< coupled: the forget gate is 1 - the input gate
  RecurrentCell gru_linear;             ///< linear_before_reset: one product for all three gates
  RecurrentCell gru_gates, gru_hidden;  ///< else first z and r, then what is new from the product of r h
  RecurrentCell rnn_tanh, rnn_relu;
};
const RecurrentCellsTable& recurrent_cells_table(Isa isa);

}  // namespace kiln
