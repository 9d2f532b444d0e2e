#pragma once

#include <string>
#include <vector>

#include "kernels/elementwise/chain_program.hpp"
#include "kernels/elementwise/chain_space.hpp"
#include "kernels/elementwise/chain_table.hpp"

namespace kiln {

struct ChainPointers {
  const void* const* in;
  void* out;
};

/// elementwise_f32: a chain of elementwise operators as one loop over tiles whose intermediate results stay in L1.
///
/// All tensors are plain, with numpy's broadcasting, or the output is blocked; then an operand is blocked with the same
/// sizes or with h = w = 1 (and n = 1 where it repeats), or plain with one element or one per channel ([C, 1, 1],
/// [1, C, 1, 1], [N, C, 1, 1]). The output may lie where an operand of its layout lies.
class ElementwiseChain {
 public:
  /// `tile` is how many floats of a register are in L1 at a time; 0 takes what fits.
  ElementwiseChain(const ChainProgram& program, const std::vector<ChainTensor>& inputs, const ChainTensor& output,
                   Isa isa, int64_t tile = 0);

  std::string name() const;
  int64_t scratch_floats(int64_t parts) const { return parts * part_floats_; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ChainPointers& p, float* scratch) const;

 private:
  /// The most values of a chain: operands, constants, tiles.
  static constexpr int most_slots = 96;
  /// Which of a tile's elements a value has: one per row and column, one per row, one per column, or one.
  struct Form {
    bool by_row = false, by_column = false;
    bool operator==(const Form&) const = default;
  };
  /// Where a value lies while a tile is done.
  struct Slot {
    Form form;
    int64_t row_step = 0;
  };
  struct Step {
    ChainFunction run = nullptr;
    int to = 0, a = 0, b = 0, c = 0;  ///< slots
    float alpha = 0, beta = 0;
    Form form;
    bool flat = false;  ///< rows follow each other without gaps in all of its tensors
  };
  struct Cursor;
  class Compiler;

  int output_slot() const { return inputs_; }
  void choose_tile(int64_t tile);
  void start_part(Cursor& at, const ChainPointers& p, float* scratch) const;
  void move_to(Cursor& at, int64_t outer) const;
  void run_tile(Cursor& at, int64_t row, int64_t column) const;

  ChainSpace space_;
  Isa isa_;
  const ChainTable* table_;
  BlockedLayout out_layout_;
  bool blocked_;
  std::vector<int64_t> element_bytes_;  ///< of the inputs, then the output
  std::vector<float> constants_;        ///< each `unit` times
  std::vector<Slot> slots_;             ///< inputs, the output, constants, tiles
  std::vector<Step> steps_;
  int inputs_, first_constant_ = 0, first_tile_ = 0;
  int64_t rows_ = 1, columns_ = 1;  ///< of a tile
  int64_t row_tiles_ = 1, column_tiles_ = 1, outer_ = 0;
  int64_t tile_floats_ = 0, part_floats_ = 0;
  std::string only_op_;
};

}  // namespace kiln
