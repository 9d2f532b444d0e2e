#include "kernels/elementwise/elementwise_chain.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

extern const ChainTable chain_table_portable, chain_table_avx2, chain_table_avx512;

const ChainTable& chain_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return chain_table_avx512;
    case Isa::avx2: return chain_table_avx2;
    default: return chain_table_portable;
  }
}

/// Where a part is.
struct ElementwiseChain::Cursor {
  std::array<float*, most_slots> tile;       ///< each slot's first element of the tile
  std::array<std::byte*, most_slots> outer;  ///< of operands and output: at the place on the outer axes
  std::array<std::byte*, most_slots> start;  ///< of operands and output
  float* units;                              ///< a unit for each input
  bool last_channels;
};

// The forms of values are those of the operands' together; tiles are taken again after their last use.
class ElementwiseChain::Compiler {
 public:
  Compiler(ElementwiseChain& chain, const ChainProgram& program, const std::vector<ChainTensor>& inputs)
      : chain_(chain), program_(program), inputs_(inputs), slot_of_(static_cast<size_t>(program.registers), -1) {
    last_use_.assign(slot_of_.size(), -1);
    for (size_t i = 0; i < program.ops.size(); ++i) {
      for_operands(program.ops[i], [&](int value) { last_use_[static_cast<size_t>(value)] = static_cast<int>(i); });
    }
  }

  void compile(bool boolean_output) {
    const int output = chain_.output_slot();
    const Form whole = chain_.slots_[static_cast<size_t>(output)].form;
    for (size_t i = 0; i < program_.ops.size(); ++i) {
      const ChainOp& op = program_.ops[i];
      Step step;
      for_operands(op, [&](int value) {
        const Form form = chain_.slots_[static_cast<size_t>(slot_of(value))].form;
        step.form = {step.form.by_row || form.by_row, step.form.by_column || form.by_column};
      });
      step.alpha = op.alpha, step.beta = op.beta;
      step.a = step.b = step.c = slot_of(op.a);
      if (chain_operands(op.op) > 1) step.b = slot_of(op.b);
      if (chain_operands(op.op) > 2) step.c = slot_of(op.c);
      step.run = function(op.op, step);
      for_operands(op, [&](int value) {
        if (last_use_[static_cast<size_t>(value)] == static_cast<int>(i)) release(value);
      });
      const bool writes_output = op.to == program_.result && step.form == whole && !boolean_output;
      step.to = writes_output ? output : new_tile(step.form);
      slot_of_[static_cast<size_t>(op.to)] = step.to;
      chain_.steps_.push_back(step);
    }
    int result = slot_of(program_.result);
    if (result == output) return;
    if (boolean_output) {
      if (chain_.slots_[static_cast<size_t>(result)].form != whole) result = copy(result, new_tile(whole), whole);
      convert(chain_.table_->to_bool, result, output);
    } else {
      copy(result, output, whole);
    }
  }

 private:
  template <class Body>
  static void for_operands(const ChainOp& op, Body body) {
    const int operands = chain_operands(op.op);
    body(op.a);
    if (operands > 1) body(op.b);
    if (operands > 2) body(op.c);
  }

  /// Where a value lies as floats.
  int slot_of(int value) {
    int& slot = slot_of_[static_cast<size_t>(value)];
    if (slot >= 0) return slot;
    if (value >= program_.inputs) return slot = chain_.first_constant_ + value - program_.inputs;
    if (!inputs_[static_cast<size_t>(value)].boolean) return slot = value;
    slot = new_tile(chain_.slots_[static_cast<size_t>(value)].form);
    convert(chain_.table_->from_bool, value, slot);
    return slot;
  }

  int new_tile(Form form) {
    std::vector<int>& free = free_[form.by_row * 2 + form.by_column];
    if (free.empty()) {
      chain_.slots_.push_back({form, 0});
      return static_cast<int>(chain_.slots_.size()) - 1;
    }
    const int slot = free.back();
    free.pop_back();
    return slot;
  }

  void release(int value) {
    int& slot = slot_of_[static_cast<size_t>(value)];
    if (slot < chain_.first_tile_) return;
    const Form form = chain_.slots_[static_cast<size_t>(slot)].form;
    free_[form.by_row * 2 + form.by_column].push_back(slot);
    last_use_[static_cast<size_t>(value)] = -1;  // an op may have it as more than one operand
  }

  /// The form of the function for which of the operands are the same all along what the step runs over.
  ChainFunction function(ChainOpcode op, const Step& step) const {
    const int operands[] = {step.a, step.b, step.c};
    int fixed = 0;
    for (int i = 0; i < chain_operands(op); ++i) {
      const Form form = chain_.slots_[static_cast<size_t>(operands[i])].form;
      if (step.form.by_column ? !form.by_column : step.form.by_row && !form.by_row) fixed |= 1 << i;
    }
    return chain_.table_->run[static_cast<size_t>(op)][fixed];
  }

  int copy(int from, int to, Form form) {
    Step step;
    step.a = step.b = step.c = from, step.to = to, step.form = form;
    step.run = function(ChainOpcode::copy, step);
    chain_.steps_.push_back(step);
    return to;
  }

  void convert(ChainFunction run, int from, int to) {
    Step step;
    step.a = step.b = step.c = from, step.to = to, step.run = run;
    step.form = chain_.slots_[static_cast<size_t>(from)].form;
    chain_.steps_.push_back(step);
  }

  ElementwiseChain& chain_;
  const ChainProgram& program_;
  const std::vector<ChainTensor>& inputs_;
  std::vector<int> slot_of_, last_use_;  ///< by value; -1 for none
  std::vector<int> free_[4];             ///< tiles, by form
};

ElementwiseChain::ElementwiseChain(const ChainProgram& program, const std::vector<ChainTensor>& inputs,
                                   const ChainTensor& output, Isa isa, int64_t tile)
    : space_(inputs, output),
      isa_(isa),
      table_(&chain_table(isa)),
      out_layout_(output.layout),
      blocked_(output.blocked),
      inputs_(static_cast<int>(inputs.size())) {
  check_chain(program);
  if (program.inputs != inputs_) {
    fail(ErrorCode::invalid_argument, "a chain has {} operands, found {}", program.inputs, inputs_);
  }
  if (blocked_ && out_layout_.block != table_->lanes) {
    fail(ErrorCode::unsupported, "elementwise operators of {} on blocks of {}, expected blocks of {}", isa_name(isa),
         out_layout_.block, table_->lanes);
  }
  const ChainProgram simple = simplify_chain(program);
  only_op_ = simple.ops.empty() ? "copy" : simple.ops.size() == 1 ? chain_opcode_name(simple.ops[0].op) : "chain";
  const size_t row = space_.extents.size() - 2;
  for (size_t i = 0; i < space_.walks.size(); ++i) {
    const std::vector<int64_t>& steps = space_.walks[i].steps;
    slots_.push_back({{steps[row] != 0, steps[row + 1] != 0}, steps[row]});
    const bool boolean = i < inputs.size() ? inputs[i].boolean : output.boolean;
    element_bytes_.push_back(boolean ? 1 : sizeof(float));
  }
  first_constant_ = static_cast<int>(slots_.size());
  for (const float constant : simple.constants) {
    slots_.push_back({});
    constants_.insert(constants_.end(), static_cast<size_t>(space_.unit), constant);
  }
  first_tile_ = static_cast<int>(slots_.size());
  Compiler(*this, simple, inputs).compile(output.boolean);
  if (slots_.size() > most_slots) {
    fail(ErrorCode::unsupported, "a chain needs {} operands, constants and tiles, expected at most {}", slots_.size(),
         most_slots);
  }
  choose_tile(tile);
}

std::string ElementwiseChain::name() const { return fmt::format("elementwise_f32_{}_{}", only_op_, isa_name(isa_)); }

void ElementwiseChain::choose_tile(int64_t tile) {
  constexpr int64_t line = 16, no_tiles = 8192, all_tiles = 4096, most = 2048, least = 256;
  const int64_t tiles = static_cast<int64_t>(slots_.size()) - first_tile_;
  if (tile < 1) tile = tiles == 0 ? no_tiles : std::clamp(all_tiles / tiles, least, most);
  const size_t row = space_.extents.size() - 2;
  const int64_t height = space_.extents[row], width = space_.extents[row + 1];
  outer_ = 1;
  for (size_t axis = 0; axis < row; ++axis) outer_ *= space_.extents[axis];
  if (height == 0 || width == 0) outer_ = 0;
  columns_ = width;
  if (outer_ != 0 && (height == 1 || width >= tile)) {
    columns_ = divide_up(divide_up(width, divide_up(width, tile)), line) * line;
    column_tiles_ = divide_up(width, columns_);
    row_tiles_ = height;
  } else if (outer_ != 0) {
    row_tiles_ = divide_up(height, std::max<int64_t>(1, tile / width));
    rows_ = divide_up(height, row_tiles_);
    row_tiles_ = divide_up(height, rows_);
  }
  tile_floats_ = divide_up(rows_ * columns_, line) * line;
  part_floats_ = tiles * tile_floats_ + line + (blocked_ ? inputs_ * space_.unit : 0);

  for (size_t i = static_cast<size_t>(first_tile_); i < slots_.size(); ++i) {
    const Form form = slots_[i].form;
    slots_[i].row_step = !form.by_row ? 0 : form.by_column ? columns_ : space_.unit;
  }
  for (Step& step : steps_) {
    const int slots[] = {step.to, step.a, step.b, step.c};
    step.flat = std::all_of(std::begin(slots), std::end(slots), [&](int i) {
      const Slot& slot = slots_[static_cast<size_t>(i)];
      return slot.row_step == (slot.form.by_column ? columns_ : 0);
    });
  }
}

void ElementwiseChain::start_part(Cursor& at, const ChainPointers& p, float* scratch) const {
  constexpr uintptr_t line = 64;
  float* free = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch) + line - 1) / line * line);
  for (size_t i = static_cast<size_t>(first_tile_); i < slots_.size(); ++i, free += tile_floats_) at.tile[i] = free;
  for (int i = first_constant_; i < first_tile_; ++i) {
    at.tile[static_cast<size_t>(i)] = const_cast<float*>(constants_.data()) + (i - first_constant_) * space_.unit;
  }
  at.units = free;
  for (size_t i = 0; i < space_.walks.size(); ++i) {
    const bool is_output = i + 1 == space_.walks.size();
    at.start[i] = static_cast<std::byte*>(is_output ? p.out : const_cast<void*>(p.in[i]));
    at.start[i] += space_.walks[i].base * element_bytes_[i];
    if (!is_output && space_.single[i]) {
      float* const unit = at.units + static_cast<int64_t>(i) * space_.unit;
      std::fill(unit, unit + space_.unit, *reinterpret_cast<const float*>(at.start[i]));
      at.start[i] = reinterpret_cast<std::byte*>(unit);
    }
  }
}

void ElementwiseChain::move_to(Cursor& at, int64_t outer) const {
  const size_t walks = space_.walks.size();
  for (size_t i = 0; i < walks; ++i) at.outer[i] = at.start[i];
  at.last_channels = false;
  for (size_t axis = space_.extents.size() - 2; axis-- > 0;) {
    const int64_t index = outer % space_.extents[axis];
    outer /= space_.extents[axis];
    for (size_t i = 0; i < walks; ++i) at.outer[i] += index * space_.walks[i].steps[axis] * element_bytes_[i];
    if (static_cast<int>(axis) == space_.channel_axis) at.last_channels = index + 1 == space_.extents[axis];
  }
  if (!at.last_channels) return;
  for (size_t i = 0; i + 1 < walks; ++i) {
    if (!space_.channels[i]) continue;
    // A plain operand ends with its last channel.
    float* const unit = at.units + static_cast<int64_t>(i) * space_.unit;
    std::fill(unit, unit + space_.unit, 0.0f);
    std::copy_n(reinterpret_cast<const float*>(at.outer[i]), space_.last_channels, unit);
    at.outer[i] = reinterpret_cast<std::byte*>(unit);
  }
}

void ElementwiseChain::run_tile(Cursor& at, int64_t row, int64_t column) const {
  const size_t axis = space_.extents.size() - 2, walks = space_.walks.size();
  for (size_t i = 0; i < walks; ++i) {
    const std::vector<int64_t>& steps = space_.walks[i].steps;
    at.tile[i] =
        reinterpret_cast<float*>(at.outer[i] + (row * steps[axis] + column * steps[axis + 1]) * element_bytes_[i]);
  }
  const int64_t rows = std::min(rows_, space_.extents[axis] - row);
  const int64_t columns = std::min(columns_, space_.extents[axis + 1] - column);
  ChainArgs a{};
  for (const Step& step : steps_) {
    const size_t from[] = {static_cast<size_t>(step.a), static_cast<size_t>(step.b), static_cast<size_t>(step.c)};
    const auto to = static_cast<size_t>(step.to);
    a.a = at.tile[from[0]], a.b = at.tile[from[1]], a.c = at.tile[from[2]], a.out = at.tile[to];
    a.alpha = step.alpha, a.beta = step.beta;
    a.per_lane = space_.unit > 1;
    a.rows = 1;
    if (!step.form.by_column) {
      a.count = step.form.by_row ? rows * space_.unit : space_.unit;
    } else if (!step.form.by_row) {
      a.count = columns;
    } else if (step.flat) {
      a.count = rows * columns;
    } else {
      a.rows = rows, a.count = columns;
      a.a_row = slots_[from[0]].row_step, a.b_row = slots_[from[1]].row_step, a.c_row = slots_[from[2]].row_step;
      a.out_row = slots_[to].row_step;
    }
    step.run(a);
  }
  if (at.last_channels) {
    const auto out = static_cast<size_t>(output_slot());
    a.a = a.out = at.tile[out];
    a.alpha = static_cast<float>(space_.last_channels);
    a.rows = rows, a.count = columns;
    a.a_row = a.out_row = slots_[out].row_step;
    table_->keep_lanes(a);
  }
}

void ElementwiseChain::run_part(int64_t, int64_t part, int64_t parts, const ChainPointers& p, float* scratch) const {
  if (blocked_) clear_halo(out_layout_, static_cast<float*>(p.out), part, parts);
  const auto [begin, end] = part_range(outer_ * row_tiles_ * column_tiles_, part, parts);
  if (begin == end) return;
  Cursor at;
  start_part(at, p, scratch + part * part_floats_);
  int64_t column = begin % column_tiles_, row = begin / column_tiles_ % row_tiles_;
  int64_t outer = begin / column_tiles_ / row_tiles_;
  move_to(at, outer);
  for (int64_t i = begin; i < end; ++i) {
    run_tile(at, row * rows_, column * columns_);
    if (++column < column_tiles_) continue;
    column = 0;
    if (++row < row_tiles_) continue;
    row = 0;
    if (i + 1 < end) move_to(at, ++outer);
  }
}

}  // namespace kiln
