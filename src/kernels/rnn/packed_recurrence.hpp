#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kernels/gemm/walked_gemm.hpp"
#include "kernels/rnn/recurrent_cells_table.hpp"

namespace kiln {

enum class RecurrentKind : uint8_t { lstm, gru, rnn_tanh, rnn_relu };

/// What ONNX's LSTM, GRU and RNN compute with their usual activations, for sequences of one length.
struct RecurrentProblem {
  RecurrentKind kind = RecurrentKind::lstm;
  int64_t steps = 1, batch = 1, input = 1, hidden = 1;
  int64_t directions = 1;
  bool reverse = false;              ///< the first direction runs backwards; a second one always does
  bool batch_first = false;          ///< layout 1
  float clip = 0;                    ///< 0 for none
  bool input_forget = false;         ///< LSTM: the forget gate is 1 - the input gate
  bool linear_before_reset = false;  ///< GRU
  bool paired = false;               ///< the input's product saves multiplications (PairedWalk)

  int64_t gates() const { return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1; }
};

/// All lie as ONNX says for the problem's layout.
struct RecurrentPointers {
  const float* x;
  const float* packed;  ///< what pack() made
  const float* initial_h = nullptr;
  const float* initial_c = nullptr;
  float* y = nullptr;  ///< outputs that nobody wants may be null
  float* y_h = nullptr;
  float* y_c = nullptr;
};

/// recurrence_f32: the product of the input with W for many steps at once, then step after step the product with R by
/// panels that hold all gates of some hidden numbers, whose next state is computed while their sums are in L1.
///
/// Where directions or slices of the batch are enough for all threads, each thread goes its own way through the steps;
/// else hidden numbers are shared out and every step is a phase.
class PackedRecurrence {
 public:
  /// `parts` is how many the work will be shared out to.
  PackedRecurrence(const RecurrentProblem& problem, Isa isa, int64_t parts);

  static bool can_be_paired(const RecurrentProblem& p) { return PairedGemm::can_do(p.gates() * p.hidden, p.input); }
  std::string name() const;
  int64_t packed_floats() const { return problem_.directions * direction_floats_; }
  /// W, R and B (which may be null) as ONNX lays them out.
  void pack(const float* w, const float* r, const float* b, float* packed) const;
  int64_t scratch_floats(int64_t parts) const;
  int64_t phases() const { return static_cast<int64_t>(phases_.size()); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const RecurrentPointers& p, float* scratch) const;

 private:
  /// Hidden numbers whose gates are computed together.
  struct Panel {
    int64_t block, blocks;  ///< registers' worth of hidden numbers
    int64_t weights, bias;  ///< where they begin in a direction's packed floats
  };
  /// A product of the state with the weights of some gates, and what comes of it.
  struct Product {
    int64_t first_gate, gates;
    RecurrentCell cell;
    bool of_reset;  ///< the product is of r h
    std::vector<Panel> panels;
  };
  struct Phase {
    int64_t chunk;              ///< steps come in chunks
    int64_t first_step, steps;  ///< of the chunk; no steps: the product of the chunk's input
    int64_t product;            ///< which of the products; -1 for all
  };
  struct Rows {
    int64_t begin, end;
  };
  using InputProduct = std::variant<PackedGemm, PairedGemm>;

  InputProduct input_product(int64_t rows) const;
  void add_product(int64_t first_gate, int64_t gates, RecurrentCell cell, bool of_reset);
  void plan_phases(int64_t parts);
  int64_t lanes() const { return table_->lanes; }
  int64_t chunk_first(int64_t chunk) const { return chunk * chunk_steps_; }
  int64_t chunk_length(int64_t chunk) const;
  bool backwards(int64_t direction) const { return problem_.reverse || direction == 1; }
  /// The first of the time steps that a chunk has in a direction.
  int64_t chunk_time(int64_t direction, int64_t chunk) const;
  void start(const RecurrentPointers& p, float* scratch) const;
  void multiply_input(int64_t chunk, int64_t part, int64_t parts, const RecurrentPointers& p, float* scratch) const;
  void multiply_state(const Product& product, const Panel& panel, int64_t direction, int64_t step, Rows rows,
                      const RecurrentPointers& p, float* scratch, float* sums) const;
  void run_cells(const Product& product, const Panel& panel, int64_t direction, int64_t step, Rows rows,
                 const RecurrentPointers& p, float* scratch, const float* sums) const;
  void run_panels(const Product& product, PartRange panels, int64_t direction, int64_t step, Rows rows,
                  const RecurrentPointers& p, float* scratch, float* sums) const;
  float* inputs(float* scratch, int64_t direction) const;
  float* state(float* scratch, int64_t which, int64_t direction) const;

  RecurrentProblem problem_;
  Isa isa_;
  const TileTable* table_;
  std::vector<InputProduct> input_products_;  ///< of a chunk's input; of the last chunk's
  std::vector<Product> products_;
  std::vector<Phase> phases_;
  int64_t blocks_;                 ///< registers' worth of hidden numbers
  int64_t state_row_, input_row_;  ///< floats of a row of the state, and of the gates' sums
  int64_t chunk_steps_, chunks_, slices_ = 1;
  int64_t direction_floats_ = 0, shared_floats_ = 0, part_floats_ = 0;
};

}  // namespace kiln
