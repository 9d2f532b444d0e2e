#include "runtime/band_work.hpp"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "kernels/pool/row_sums.hpp"
#include "runtime/arena.hpp"
#include "runtime/copy_work.hpp"

namespace kiln {
namespace {

constexpr int64_t line_bytes = 64;

}  // namespace

/// Writes down what each part does.
class BandWork::Maker {
 public:
  Maker(BandWork& work, const Bands& bands, std::vector<BandStep>& steps, int64_t parts)
      : work_(work), bands_(bands), steps_(steps), parts_(parts), tensors_(bands.tensors().size()) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const BandedOp& op = bands.ops()[i];
      for (const BandOperand& input : steps[i].inputs) note(input, i);
      Rolling& tensor = tensors_[static_cast<size_t>(memory_of(op.tensor))];
      tensor.blocks = blocks_of(steps[i].output);
      tensor.row_bytes = steps[i].output.layout.blocked.row_stride() * 4;
      note(steps[i].output, i);
      if (steps[i].mean_output >= 0) add_mean(i);
    }
  }

  void make() {
    for (int64_t part = 0; part < parts_; ++part) measure(part);
    for (int64_t part = 0; part < parts_; ++part) write(part);
    place();
  }

 private:
  using Kind = BandOperand::Kind;

  struct Rolling {
    int64_t lines = 0, blocks = 0, row_bytes = 0;
    bool keeps = false;         ///< rows from band to band
    int first = -1, last = -1;  ///< ops that touch it
    int64_t at = 0;             ///< in the part's memory
    int64_t base = 0, end = 0;  ///< rows in it, as the commands are written
    int64_t plane_bytes() const { return lines * row_bytes; }
  };

  int memory_of(int tensor) const { return bands_.tensors()[static_cast<size_t>(tensor)].memory; }

  static int64_t blocks_of(const BandOperand& operand) {
    const BlockedLayout& l = operand.layout.blocked;
    return l.image_blocks != 0 ? l.image_blocks : l.blocks();
  }

  void note(const BandOperand& operand, size_t op) {
    if (operand.kind != Kind::rolling) return;
    Rolling& tensor = tensors_[static_cast<size_t>(operand.index)];
    if (tensor.first < 0) tensor.first = static_cast<int>(op);
    tensor.last = static_cast<int>(op);
  }

  void add_mean(size_t i) {
    const BandStep& step = steps_[i];
    Mean mean{step.summed, step.mean.layout.blocked, place_of(step.mean, 0), 0, {}, {}};
    int64_t done = 0;
    for (int64_t part = 0; part < parts_; ++part) {
      const RowSpan rows = bands_.rows_of(part, parts_)[i];
      mean.made.push_back(rows);
      mean.taken.push_back({std::max(rows.first, done), std::max(rows.end, done)});
      done = std::max(done, rows.end);
    }
    steps_[i].mean.index = static_cast<int>(work_.means_.size());
    work_.means_.push_back(std::move(mean));
  }

  /// Where the sums of rows from `row` on go.
  Place sums_place(const BandStep& step, int64_t row) const {
    const Mean& mean = work_.means_[static_cast<size_t>(step.mean.index)];
    return {Kind::sums, step.mean.index, (row - mean.made[part_].first) * row_sums_stride(mean.summed) * 4};
  }

  template <class Visit>
  void each_band(int64_t part, Visit&& visit) {
    const std::vector<RowSpan> rows = bands_.rows_of(part, parts_);
    std::vector<int64_t> from;
    for (const RowSpan& span : rows) from.push_back(span.first);
    for (int64_t band = 0; band < work_.bands_; ++band) {
      std::vector<int64_t> to = bands_.rows_after(rows, band, work_.bands_);
      visit(rows, from, to);
      from = std::move(to);
    }
  }

  void measure(int64_t part) {
    std::vector<std::optional<RowSpan>> before(tensors_.size());
    each_band(part, [&](const auto& rows, const auto& from, const auto& to) {
      for (size_t i = 0; i < tensors_.size(); ++i) {
        if (!bands_.tensors()[i].rolls || memory_of(static_cast<int>(i)) != static_cast<int>(i)) continue;
        const RowSpan span = bands_.rows_at_hand(static_cast<int>(i), rows, from, to);
        if (span.is_empty()) continue;
        tensors_[i].lines = std::max(tensors_[i].lines, span.end - span.first);
        tensors_[i].keeps = tensors_[i].keeps || (before[i] && span.first < before[i]->end);
        before[i] = span;
      }
    });
    same_lines();
  }

  /// A residual lies as the output beside it does.
  void same_lines() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const BandStep& step : steps_) {
        if (step.problem == nullptr || step.problem->group->residual < 0 || step.output.kind != Kind::rolling) continue;
        const BandOperand& residual = step.inputs[static_cast<size_t>(step.problem->group->residual)];
        if (residual.kind != Kind::rolling) continue;
        int64_t& a = tensors_[static_cast<size_t>(residual.index)].lines;
        int64_t& b = tensors_[static_cast<size_t>(step.output.index)].lines;
        changed = changed || a != b;
        a = b = std::max(a, b);
      }
    }
  }

  void write(int64_t part) {
    part_ = static_cast<size_t>(part);
    for (Rolling& tensor : tensors_) tensor.base = tensor.end = 0;
    bool is_first = true;
    each_band(part, [&](const auto& rows, const auto& from, const auto& to) {
      for (size_t i = 0; i < steps_.size(); ++i) {
        const BandedOp& op = bands_.ops()[i];
        const bool rolls = bands_.tensors()[static_cast<size_t>(op.tensor)].rolls;
        if (op.first_writer && rolls && memory_of(op.tensor) == op.tensor) {
          roll(op.tensor, bands_.rows_at_hand(op.tensor, rows, from, to), is_first);
        }
        if (from[i] < to[i]) run(i, from[i], to[i]);
      }
      is_first = false;
    });
  }

  /// Makes room for the rows of a band.
  void roll(int index, RowSpan span, bool is_first) {
    if (span.is_empty()) return;
    Rolling& tensor = tensors_[static_cast<size_t>(index)];
    const int64_t height = bands_.tensors()[static_cast<size_t>(index)].height;
    Command command;
    command.planes = tensor.blocks, command.plane_bytes = tensor.plane_bytes();
    command.output = {Kind::rolling, index, 0};
    if (!is_first && span.first > tensor.base && span.first < tensor.end) {
      command.move = (span.first - tensor.base) * tensor.row_bytes;
      command.bytes = (tensor.end - span.first) * tensor.row_bytes;
      commands().push_back(command);
    }
    command.move = 0;
    const auto clear = [&](int64_t first, int64_t end) {
      if (first >= end) return;
      command.output.offset = (first - span.first) * tensor.row_bytes;
      command.bytes = (end - first) * tensor.row_bytes;
      commands().push_back(command);
    };
    if (is_first) clear(span.first, 0);
    if (span.end > height && (is_first || tensor.end <= height)) clear(height, span.end);
    tensor.base = span.first, tensor.end = span.end;
  }

  /// The halo above and below a tensor that is there as a whole.
  void clear_ends(size_t i, int64_t from, int64_t to) {
    const BandOperand& out = steps_[i].output;
    const BlockedLayout& l = out.layout.blocked;
    if (out.kind != Kind::output || out.layout.format != Format::blocked || l.halo == 0) return;
    Command command;
    command.planes = l.blocks(), command.plane_bytes = l.block_stride() * 4;
    command.bytes = l.halo * l.row_stride() * 4;
    const int64_t at = out.offset * l.block_stride() * 4;
    command.output = {out.kind, out.index, at};
    if (from == 0) commands().push_back(command);
    command.output.offset = at + (l.h + l.halo) * l.row_stride() * 4;
    if (to == l.h) commands().push_back(command);
  }

  void run(size_t i, int64_t from, int64_t to) {
    const BandStep& step = steps_[i];
    const BandedOp& op = bands_.ops()[i];
    clear_ends(i, from, to);
    const RowBand band = band_of(op.rule, from, to, op.in_height);
    work_.heights_[i] = std::max(work_.heights_[i], band.out_rows);
    Command command;
    command.work = work_for(i, band);
    command.packed = step.packed;
    command.first_input = static_cast<int32_t>(work_.places_.size());
    command.inputs = static_cast<int32_t>(step.inputs.size());
    for (size_t input = 0; input < step.inputs.size(); ++input) {
      work_.places_.push_back(place_of(step.inputs[input], first_row(op.rule, input, band)));
    }
    if (step.mean_output == 0) {
      command.output = sums_place(step, band.out_first);
    } else {
      command.output = place_of(step.output, band.out_first);
    }
    command.has_second = step.mean_output == 1;
    if (command.has_second) work_.places_.push_back(sums_place(step, band.out_first));
    command.scratch = static_cast<int64_t>(i);  // for now the op; its memory comes later
    commands().push_back(command);
  }

  /// The row at which an input is read; -1 where it is read whole.
  static int64_t first_row(const RowRule& rule, size_t input, const RowBand& band) {
    if (input < 32 && (rule.aligned >> input & 1) != 0) return band.out_first;
    return input == 0 && (rule.whole & 1) == 0 ? band.in_first : -1;
  }
  static int64_t row_count(const RowRule& rule, size_t input, const RowBand& band) {
    return input < 32 && (rule.aligned >> input & 1) != 0 ? band.out_rows : band.in_rows;
  }

  Place place_of(const BandOperand& operand, int64_t row) const {
    Place place{operand.kind, operand.index, operand.offset};
    if (operand.kind == Kind::none) return {};
    const BlockedLayout& l = operand.layout.blocked;
    if (operand.layout.format != Format::blocked) {
      if (row > 0) place.offset += row * operand.row_bytes;
    } else if (operand.kind != Kind::rolling) {
      place.offset = (operand.offset * l.block_stride() + std::max<int64_t>(row, 0) * l.row_stride()) * 4;
    } else {
      const Rolling& tensor = tensors_[static_cast<size_t>(operand.index)];
      place.offset = operand.offset * tensor.plane_bytes() + (row - tensor.base - l.halo) * tensor.row_bytes;
    }
    return place;
  }

  TensorLayout layout_of(const BandOperand& operand, int64_t rows) const {
    TensorLayout layout = operand.layout;
    if (operand.kind == Kind::none) return layout;
    if (layout.format == Format::blocked) {
      const BlockedLayout& l = layout.blocked;
      const int64_t whole = l.h + 2 * l.halo;
      const int64_t lines = operand.kind == Kind::rolling ? tensors_[static_cast<size_t>(operand.index)].lines : whole;
      layout.blocked = rows_view(l, rows, lines);
    }
    return layout;
  }

  const Work* work_for(size_t i, const RowBand& band) {
    BandStep& step = steps_[i];
    const RowRule& rule = bands_.ops()[i].rule;
    const int64_t lacks = band.in_first - (band.out_first * rule.down / rule.up - rule.before);
    for (const Made& made : made_) {
      if (made.op == i && made.rows == band.out_rows && made.in_rows == band.in_rows && made.lacks == lacks) {
        return made.work;
      }
    }
    Layouts layouts;
    for (size_t input = 0; input < step.inputs.size(); ++input) {
      const BandOperand& operand = step.inputs[input];
      const bool by_rows = first_row(rule, input, band) >= 0;
      layouts.inputs.push_back(by_rows ? layout_of(operand, row_count(rule, input, band)) : operand.layout);
    }
    layouts.outputs.push_back(layout_of(step.output, band.out_rows));
    if (step.mean_output == 1) layouts.outputs.push_back(step.mean.layout);
    std::unique_ptr<Work> work;
    if (step.problem == nullptr) {
      work = copy_work(layouts.inputs[0], layouts.outputs[0], step.copied);
    } else {
      step.problem->threads = 1;
      step.problem->band = band;
      work = step.tactic->prepare(*step.problem, layouts, step.tuning);
    }
    made_.push_back({i, band.out_rows, band.in_rows, lacks, work.get()});
    work_.works_.push_back(std::move(work));
    return made_.back().work;
  }

  /// Gives each part's memory its order: what keeps nothing from band to band shares it with others.
  void place() {
    std::vector<ArenaBlock> blocks;
    const int last = static_cast<int>(steps_.size()) - 1;
    for (const Rolling& tensor : tensors_) {
      const int64_t bytes = tensor.blocks * tensor.plane_bytes() + line_bytes;  // vector code may read past the end
      blocks.push_back({tensor.lines > 0 ? bytes : 0, tensor.keeps ? 0 : std::max(tensor.first, 0),
                        tensor.keeps ? last : std::max(tensor.last, 0)});
    }
    for (size_t i = 0; i < steps_.size(); ++i) {
      int64_t floats = 0;
      for (const Made& made : made_) {
        if (made.op == i) floats = std::max(floats, made.work->scratch_floats(1));
      }
      blocks.push_back({floats > 0 ? floats * 4 + line_bytes : 0, static_cast<int>(i), static_cast<int>(i)});
    }
    for (const Mean& mean : work_.means_) {
      int64_t rows = 0;
      for (const RowSpan& made : mean.made) rows = std::max(rows, made.end - made.first);
      blocks.push_back({rows * row_sums_stride(mean.summed) * 4 + line_bytes, 0, last});
    }
    const ArenaPlan plan = plan_arena(blocks);
    const auto at = [&](size_t index) { return plan.offsets[index]; };
    const auto sums_at = [&](size_t mean) { return at(tensors_.size() + steps_.size() + mean); };
    const auto settle = [&](Place& place) {
      if (place.kind == Kind::rolling) place.offset += at(static_cast<size_t>(place.index));
      if (place.kind == Kind::sums) place.offset += sums_at(static_cast<size_t>(place.index));
    };
    for (size_t i = 0; i < work_.means_.size(); ++i) work_.means_[i].sums = sums_at(i);
    for (Place& place : work_.places_) settle(place);
    for (std::vector<Command>& commands : work_.commands_) {
      for (Command& command : commands) {
        settle(command.output);
        if (command.work != nullptr) command.scratch = at(tensors_.size() + static_cast<size_t>(command.scratch));
      }
    }
    work_.local_floats_ = divide_up(plan.bytes, line_bytes) * line_bytes / 4;
  }

  std::vector<Command>& commands() { return work_.commands_[part_]; }

  struct Made {
    size_t op;
    int64_t rows, in_rows, lacks;
    const Work* work;
  };

  BandWork& work_;
  const Bands& bands_;
  std::vector<BandStep>& steps_;
  const int64_t parts_;
  size_t part_ = 0;
  std::vector<Rolling> tensors_;
  std::vector<Made> made_;
};

BandWork::BandWork(const Bands& bands, std::vector<BandStep> steps, int64_t parts, int64_t band_count)
    : steps_(steps.size()), bands_(band_count), commands_(static_cast<size_t>(parts)) {
  heights_.assign(steps_, 0);
  Maker(*this, bands, steps, parts).make();
}

std::string BandWork::name() const { return fmt::format("bands_{}_of_{}_steps", bands_, steps_); }

void BandWork::move_or_clear(const Command& command, std::byte* at) {
  for (int64_t plane = 0; plane < command.planes; ++plane, at += command.plane_bytes) {
    if (command.move > 0) {
      std::memmove(at, at + command.move, static_cast<size_t>(command.bytes));
    } else {
      std::memset(at, 0, static_cast<size_t>(command.bytes));
    }
  }
}

void BandWork::write_means(int64_t part, int64_t parts, const WorkPointers& p) const {
  std::array<RowSums, most_parts_with_means> pieces;
  for (const Mean& mean : means_) {
    float* const to =
        reinterpret_cast<float*>(static_cast<std::byte*>(p.outputs[mean.output.index]) + mean.output.offset);
    if (part == 0) clear_halo(mean.mean, to, 0, 1);
    for (int64_t other = 0; other < parts; ++other) {
      const auto at = static_cast<size_t>(other);
      const float* const sums = p.scratch + other * local_floats_ + mean.sums / 4;
      const RowSpan &made = mean.made[at], &taken = mean.taken[at];
      pieces[at] = {sums + (taken.first - made.first) * row_sums_stride(mean.summed), taken.first, taken.end};
    }
    const auto [begin, end] = part_range(mean.summed.blocks(), part, parts);
    for (int64_t block = begin; block < end; ++block) {
      write_mean_block(mean.summed, pieces.data(), parts, block, to + mean.mean.offset(0, block, 0, 0));
    }
  }
}

int64_t BandWork::bytes_beside() const {
  size_t bytes = places_.capacity() * sizeof(Place) + commands_.capacity() * sizeof(commands_[0]);
  for (const std::vector<Command>& commands : commands_) bytes += commands.capacity() * sizeof(Command);
  for (const std::unique_ptr<Work>& work : works_) {
    bytes += ::malloc_usable_size(work.get()) + static_cast<size_t>(work->bytes_beside());
  }
  return static_cast<int64_t>(bytes);
}

void BandWork::run_part(int64_t at_phase, int64_t part, int64_t parts, const WorkPointers& p) const {
  if (at_phase == 1) return write_means(part, parts, p);
  constexpr size_t most_inputs = 64;
  auto* const memory = reinterpret_cast<std::byte*>(p.scratch + part * local_floats_);
  const auto at = [&](const Place& place) -> std::byte* {
    const auto index = static_cast<size_t>(place.index);
    switch (place.kind) {
      case BandOperand::Kind::none: return nullptr;
      case BandOperand::Kind::input: return static_cast<std::byte*>(const_cast<void*>(p.inputs[index])) + place.offset;
      case BandOperand::Kind::output: return static_cast<std::byte*>(p.outputs[index]) + place.offset;
      case BandOperand::Kind::rolling:
      case BandOperand::Kind::sums: return memory + place.offset;
    }
    return nullptr;
  };
  for (const Command& command : commands_[static_cast<size_t>(part)]) {
    std::byte* const out = at(command.output);
    if (command.work == nullptr) {
      move_or_clear(command, out);
      continue;
    }
    const void* inputs[most_inputs];
    for (int32_t i = 0; i < command.inputs; ++i) inputs[i] = at(places_[static_cast<size_t>(command.first_input + i)]);
    void* outputs[] = {
        out, command.has_second ? at(places_[static_cast<size_t>(command.first_input + command.inputs)]) : nullptr};
    const WorkPointers pointers{inputs, outputs, command.packed, reinterpret_cast<float*>(memory + command.scratch)};
    const int64_t phases = command.work->phases();
    for (int64_t phase = 0; phase < phases; ++phase) command.work->run_part(phase, 0, 1, pointers);
  }
}

}  // namespace kiln
