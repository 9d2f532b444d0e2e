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
  Maker(BandWork& work, const Bands& bands, std::vector<BandStep>& steps, const Division& division)
      : work_(work),
        bands_(bands),
        steps_(steps),
        parts_(division.sharing == Sharing::rows ? division.parts : 1),
        threads_(division.sharing == Sharing::rows ? 1 : division.parts),
        tensors_(bands.tensors().size()) {
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
    std::vector<Course> courses;
    for (int64_t part = 0; part < parts_; ++part) courses.push_back(course_of(part));
    for (const Course& course : courses) measure(course);
    same_lines();
    for (size_t part = 0; part < courses.size(); ++part) write(part, courses[part]);
    place();
  }

 private:
  using Kind = BandOperand::Kind;

  struct Rolling {
    int64_t lines = 0, blocks = 0, row_bytes = 0;
    bool keeps = false;         ///< rows from band to band
    int first = -1, last = -1;  ///< ops that touch it
    int64_t base = 0, end = 0;  ///< rows in it, as the commands are written
    bool begun = false;         ///< by the part whose commands are written
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
    Mean mean{step.summed, step.mean.layout.blocked, whole_place(step.mean), 0, {}, {}};
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

  /// Where the sums of rows go.
  Place sums_place(const BandStep& step) const {
    const Mean& mean = work_.means_[static_cast<size_t>(step.mean.index)];
    const int64_t bytes = row_sums_stride(mean.summed) * 4;
    return {Kind::sums, Rows::out, step.mean.index, -mean.made[part_].first * bytes, bytes};
  }

  /// Which rows a part makes when: for each band, how far all ops are before it, and which rows of all tensors it
  /// needs.
  struct Course {
    std::vector<RowSpan> rows;
    std::vector<int64_t> marks;
    std::vector<RowSpan> spans;
    int64_t bands = 0;  ///< until all is done
  };
  std::span<const int64_t> marks(const Course& course, int64_t band) const {
    return {course.marks.data() + static_cast<size_t>(band) * steps_.size(), steps_.size()};
  }
  std::span<const RowSpan> spans(const Course& course, int64_t band) const {
    return {course.spans.data() + static_cast<size_t>(band) * tensors_.size(), tensors_.size()};
  }

  Course course_of(int64_t part) const {
    const size_t steps = steps_.size(), tensors = tensors_.size();
    Course course;
    course.rows = bands_.rows_of(part, parts_);
    const Pace pace = bands_.whole_pace_of(course.rows, work_.bands_);
    const auto most = static_cast<size_t>(pace.bands);
    course.marks.resize((most + 1) * steps);
    course.spans.resize(most * tensors);
    for (size_t i = 0; i < steps; ++i) course.marks[i] = course.rows[i].first;
    for (bool is_done = false; !is_done && course.bands < pace.bands; ++course.bands) {
      const auto band = static_cast<size_t>(course.bands);
      const std::span<int64_t> from(course.marks.data() + band * steps, steps);
      const std::span<int64_t> to(course.marks.data() + (band + 1) * steps, steps);
      bands_.rows_after(course.rows, pace, course.bands, to);
      bands_.rows_at_hand(course.rows, from, to, {course.spans.data() + band * tensors, tensors});
      is_done = true;
      for (size_t i = 0; i < steps; ++i) is_done = is_done && to[i] == course.rows[i].end;
    }
    return course;
  }

  void measure(const Course& course) {
    std::vector<int64_t> end_before(tensors_.size(), INT64_MIN);
    for (int64_t band = 0; band < course.bands; ++band) {
      const std::span<const RowSpan> at_hand = spans(course, band);
      for (size_t i = 0; i < tensors_.size(); ++i) {
        if (!bands_.tensors()[i].rolls || memory_of(static_cast<int>(i)) != static_cast<int>(i)) continue;
        const RowSpan span = at_hand[i];
        if (span.is_empty()) continue;
        tensors_[i].lines = std::max(tensors_[i].lines, span.end - span.first);
        tensors_[i].keeps = tensors_[i].keeps || span.first < end_before[i];
        end_before[i] = span.end;
      }
    }
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

  /// How the window of a tensor goes on to the rows of a band; all in rows.
  struct Roll {
    int64_t move = 0, kept = 0;          ///< so far behind lie those that are kept
    int64_t above = 0;                   ///< to be cleared at its beginning
    int64_t below_first = 0, below = 0;  ///< and further down
  };

  void write(size_t part, const Course& course) {
    part_ = part;
    for (Rolling& tensor : tensors_) tensor.base = tensor.end = 0, tensor.begun = false;
    patterns_.clear();
    std::vector<Roll> rolls(steps_.size());
    std::vector<int64_t> key;
    const auto bands = static_cast<size_t>(course.bands);
    work_.parts_[part_].reserve(bands);
    work_.rows_.reserve(work_.rows_.size() + 2 * bands * steps_.size());
    for (int64_t band = 0; band < course.bands; ++band) {
      key.clear();
      const size_t first_row = work_.rows_.size();
      follow(course, band, rolls, key);
      const Pattern& pattern = pattern_of(key, rolls, marks(course, band), marks(course, band + 1));
      work_.parts_[part_].push_back({pattern.first, pattern.count, pattern.first_phase, pattern.phases, first_row});
      if (work_.shares_steps()) work_.phase_ends_.push_back(work_.all_phases_ += pattern.phases);
    }
  }

  /// Goes through a band and notes all that its commands follow from.
  void follow(const Course& course, int64_t band, std::vector<Roll>& rolls, std::vector<int64_t>& key) {
    const std::span<const int64_t> from = marks(course, band), to = marks(course, band + 1);
    const auto note = [&](auto... numbers) { (key.push_back(numbers), ...); };
    for (size_t i = 0; i < steps_.size(); ++i) {
      const BandedOp& op = bands_.ops()[i];
      if (begins_window(op)) {
        const Roll r = rolls[i] = roll(op.tensor, spans(course, band)[static_cast<size_t>(op.tensor)]);
        note(r.move, r.kept, r.above, r.below_first, r.below);
      }
      const bool is_made = from[i] < to[i];
      const RowBand rows = is_made ? band_of(op.rule, from[i], to[i], op.in_height) : RowBand{};
      work_.rows_.push_back(rows.out_first);
      work_.rows_.push_back(rows.in_first);
      note(rows.out_rows);
      if (!is_made) continue;
      note(rows.in_rows, lacks(op.rule, rows), (from[i] == 0 ? 1 : 0) + (to[i] == op.height ? 2 : 0));
      for (size_t k = 0; k < steps_[i].inputs.size(); ++k) {
        const BandOperand& input = steps_[i].inputs[k];
        if (input.kind == Kind::rolling) note(first_row(op.rule, k, rows) - base_of(input));
      }
      if (steps_[i].output.kind == Kind::rolling) note(rows.out_first - base_of(steps_[i].output));
    }
  }

  /// Whether it is the first that writes into the window of a tensor.
  bool begins_window(const BandedOp& op) const {
    const BandedTensor& tensor = bands_.tensors()[static_cast<size_t>(op.tensor)];
    return op.first_writer && tensor.rolls && tensor.memory == op.tensor;
  }

  int64_t base_of(const BandOperand& operand) const { return tensors_[static_cast<size_t>(operand.index)].base; }
  /// Rows above that an op would read and its input does not have.
  static int64_t lacks(const RowRule& rule, const RowBand& band) {
    if ((rule.aligned & 1) != 0 || (rule.whole & 1) != 0) return 0;
    return band.in_first - (band.out_first * rule.down / rule.up - rule.before);
  }

  struct Pattern {
    std::vector<int64_t> key;
    uint32_t first = 0, count = 0;
    uint32_t first_phase = 0, phases = 0;
  };

  /// The commands of a band, which an earlier one may have too.
  const Pattern& pattern_of(const std::vector<int64_t>& key, const std::vector<Roll>& rolls,
                            std::span<const int64_t> from, std::span<const int64_t> to) {
    for (size_t i = patterns_.size(); i-- > 0;) {
      if (patterns_[i].key == key) return patterns_[i];
    }
    Pattern pattern{key, static_cast<uint32_t>(work_.commands_.size()), 0, 0, 0};
    for (size_t i = 0; i < steps_.size(); ++i) {
      const BandedOp& op = bands_.ops()[i];
      if (begins_window(op)) write_roll(op.tensor, rolls[i]);
      if (from[i] < to[i]) run(i, from[i], to[i]);
    }
    pattern.count = static_cast<uint32_t>(work_.commands_.size()) - pattern.first;
    if (work_.shares_steps()) add_phases(pattern);
    patterns_.push_back(std::move(pattern));
    return patterns_.back();
  }

  /// Lines that are moved and cleared one after the other are one phase: all that is done to a plane is in one part.
  void add_phases(Pattern& pattern) {
    std::vector<Phase>& phases = work_.phases_;
    pattern.first_phase = static_cast<uint32_t>(phases.size());
    for (uint32_t i = pattern.first; i < pattern.first + pattern.count; ++i) {
      const Command& command = work_.commands_[i];
      const int64_t count = command.work == nullptr ? 1 : command.work->phases();
      const bool goes_on = command.work == nullptr && i > pattern.first && work_.commands_[i - 1].work == nullptr;
      if (goes_on) {
        ++phases.back().commands;
        continue;
      }
      for (int64_t phase = 0; phase < count; ++phase) phases.push_back({i, 1, static_cast<int32_t>(phase)});
    }
    pattern.phases = static_cast<uint32_t>(phases.size()) - pattern.first_phase;
  }

  /// Makes room for the rows of a band.
  Roll roll(int index, RowSpan span) {
    Roll roll;
    if (span.is_empty()) return roll;
    Rolling& tensor = tensors_[static_cast<size_t>(index)];
    const int64_t height = bands_.tensors()[static_cast<size_t>(index)].height;
    if (tensor.begun && span.first > tensor.base && span.first < tensor.end) {
      roll.move = span.first - tensor.base, roll.kept = tensor.end - span.first;
    }
    if (!tensor.begun) roll.above = std::max<int64_t>(0, -span.first);
    if (span.end > height && (!tensor.begun || tensor.end <= height)) {
      roll.below_first = height - span.first, roll.below = span.end - height;
    }
    tensor.base = span.first, tensor.end = span.end, tensor.begun = true;
    return roll;
  }

  void write_roll(int index, const Roll& roll) {
    const Rolling& tensor = tensors_[static_cast<size_t>(index)];
    Command command;
    command.planes = tensor.blocks, command.plane_bytes = tensor.plane_bytes();
    const auto add = [&](int64_t first, int64_t rows, int64_t move) {
      if (rows == 0) return;
      command.output = {Kind::rolling, Rows::out, index, first * tensor.row_bytes, 0};
      command.bytes = rows * tensor.row_bytes, command.move = move * tensor.row_bytes;
      work_.commands_.push_back(command);
    };
    add(0, roll.kept, roll.move);
    add(0, roll.above, 0);
    add(roll.below_first, roll.below, 0);
  }

  /// The halo above and below a tensor that is there as a whole.
  void clear_ends(size_t i, int64_t from, int64_t to) {
    const BandOperand& out = steps_[i].output;
    const BlockedLayout& l = out.layout.blocked;
    if (out.kind != Kind::output || out.layout.format != Format::blocked || l.halo.h == 0) return;
    Command command;
    command.planes = l.blocks(), command.plane_bytes = l.block_stride() * 4;
    command.bytes = l.halo.h * l.row_stride() * 4;
    const int64_t at = out.offset * l.block_stride() * 4;
    command.output = {out.kind, Rows::out, out.index, at, 0};
    if (from == 0) work_.commands_.push_back(command);
    command.output.offset = at + (l.h + l.halo.h) * l.row_stride() * 4;
    if (to == l.h) work_.commands_.push_back(command);
  }

  void run(size_t i, int64_t from, int64_t to) {
    const BandStep& step = steps_[i];
    const RowRule& rule = bands_.ops()[i].rule;
    clear_ends(i, from, to);
    const RowBand band = band_of(rule, from, to, bands_.ops()[i].in_height);
    work_.heights_[i] = std::max(work_.heights_[i], band.out_rows);
    Command command;
    command.work = work_for(i, band);
    command.packed = step.packed;
    command.step = static_cast<int32_t>(i);
    command.first_input = static_cast<int32_t>(work_.places_.size());
    command.inputs = static_cast<int32_t>(step.inputs.size());
    for (size_t k = 0; k < step.inputs.size(); ++k) {
      const bool by_rows = is_read_by_rows(rule, k);
      work_.places_.push_back(by_rows ? place_of(step.inputs[k], rows_of(rule, k), first_row(rule, k, band))
                                      : whole_place(step.inputs[k]));
    }
    command.output = step.mean_output == 0 ? sums_place(step) : place_of(step.output, Rows::out, band.out_first);
    command.has_second = step.mean_output == 1;
    if (command.has_second) work_.places_.push_back(sums_place(step));
    command.scratch = static_cast<int64_t>(i);  // for now the op; its memory comes later
    work_.commands_.push_back(command);
  }

  static Rows rows_of(const RowRule& rule, size_t input) {
    return input < 32 && (rule.aligned >> input & 1) != 0 ? Rows::out : Rows::in;
  }
  static bool is_read_by_rows(const RowRule& rule, size_t input) {
    return rows_of(rule, input) == Rows::out || (input == 0 && (rule.whole & 1) == 0);
  }
  static int64_t first_row(const RowRule& rule, size_t input, const RowBand& band) {
    return rows_of(rule, input) == Rows::out ? band.out_first : band.in_first;
  }
  static int64_t row_count(const RowRule& rule, size_t input, const RowBand& band) {
    return rows_of(rule, input) == Rows::out ? band.out_rows : band.in_rows;
  }

  static Place whole_place(const BandOperand& operand) {
    if (operand.kind == Kind::none) return {};
    const bool is_plain = operand.layout.format != Format::blocked;
    const int64_t bytes = is_plain ? 1 : operand.layout.blocked.block_stride() * 4;
    return {operand.kind, Rows::out, operand.index, operand.offset * bytes, 0};
  }

  /// Where the rows of an operand begin, of which `row` is the first now.
  Place place_of(const BandOperand& operand, Rows rows, int64_t row) const {
    Place place = whole_place(operand);
    if (operand.kind == Kind::none) return place;
    const BlockedLayout& l = operand.layout.blocked;
    place.rows = rows;
    if (operand.kind != Kind::rolling) {
      place.row_bytes = operand.layout.format == Format::blocked ? l.row_stride() * 4 : operand.row_bytes;
      return place;
    }
    const Rolling& tensor = tensors_[static_cast<size_t>(operand.index)];
    place.offset = operand.offset * tensor.plane_bytes() + (row - tensor.base - l.halo.h) * tensor.row_bytes;
    return place;
  }

  TensorLayout layout_of(const BandOperand& operand, int64_t rows) const {
    TensorLayout layout = operand.layout;
    if (operand.kind == Kind::none) return layout;
    if (layout.format == Format::blocked) {
      const BlockedLayout& l = layout.blocked;
      const int64_t whole = l.h + 2 * l.halo.h;
      const int64_t lines = operand.kind == Kind::rolling ? tensors_[static_cast<size_t>(operand.index)].lines : whole;
      layout.blocked = rows_view(l, rows, lines);
    }
    return layout;
  }

  const Work* work_for(size_t i, const RowBand& band) {
    BandStep& step = steps_[i];
    const RowRule& rule = bands_.ops()[i].rule;
    const int64_t lacked = lacks(rule, band);
    for (const Made& made : made_) {
      if (made.op == i && made.rows == band.out_rows && made.in_rows == band.in_rows && made.lacks == lacked) {
        return made.work;
      }
    }
    Layouts layouts;
    for (size_t input = 0; input < step.inputs.size(); ++input) {
      const BandOperand& operand = step.inputs[input];
      const bool by_rows = is_read_by_rows(rule, input);
      layouts.inputs.push_back(by_rows ? layout_of(operand, row_count(rule, input, band)) : operand.layout);
    }
    layouts.outputs.push_back(layout_of(step.output, band.out_rows));
    if (step.mean_output == 1) layouts.outputs.push_back(step.mean.layout);
    std::unique_ptr<Work> work;
    if (step.problem == nullptr) {
      work = copy_work(layouts.inputs[0], layouts.outputs[0], step.copied);
    } else {
      step.problem->threads = static_cast<int>(threads_);
      step.problem->band = band;
      work = step.tactic->prepare(*step.problem, layouts, step.tuning);
    }
    made_.push_back({i, band.out_rows, band.in_rows, lacked, work.get()});
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
        if (made.op == i) floats = std::max(floats, made.work->scratch_floats(threads_));
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
    for (Command& command : work_.commands_) {
      settle(command.output);
      if (command.work != nullptr) command.scratch = at(tensors_.size() + static_cast<size_t>(command.scratch));
    }
    work_.local_floats_ = divide_up(plan.bytes, line_bytes) * line_bytes / 4;
  }

  struct Made {
    size_t op;
    int64_t rows, in_rows, lacks;
    const Work* work;
  };

  BandWork& work_;
  const Bands& bands_;
  std::vector<BandStep>& steps_;
  const int64_t parts_;    ///< that have bands of their own
  const int64_t threads_;  ///< that share the steps of a band
  size_t part_ = 0;
  std::vector<Rolling> tensors_;
  std::vector<Made> made_;
  std::vector<Pattern> patterns_;  ///< of the part whose commands are written
};

BandWork::BandWork(const Bands& bands, std::vector<BandStep> steps, const Division& division)
    : steps_(steps.size()),
      sharing_(division.sharing),
      bands_(division.bands),
      turns_(division.turns),
      parts_(static_cast<size_t>(division.sharing == Sharing::rows ? division.parts : 1)) {
  heights_.assign(steps_, 0);
  Maker(*this, bands, steps, division).make();
}

std::string BandWork::name() const {
  return fmt::format("bands_{}_of_{}_steps{}", bands_, steps_, shares_steps() ? "_shared" : "");
}

void BandWork::move_or_clear(const Command& command, std::byte* at, PartRange planes) {
  at += planes.begin * command.plane_bytes;
  for (int64_t plane = planes.begin; plane < planes.end; ++plane, at += command.plane_bytes) {
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
    for (size_t at = 0; at < parts_.size(); ++at) {
      const float* const sums = p.scratch + static_cast<int64_t>(at) * local_floats_ + mean.sums / 4;
      const RowSpan &made = mean.made[at], &taken = mean.taken[at];
      pieces[at] = {sums + (taken.first - made.first) * row_sums_stride(mean.summed), taken.first, taken.end};
    }
    const auto [begin, end] = part_range(mean.summed.blocks(), part, parts);
    for (int64_t block = begin; block < end; ++block) {
      write_mean_block(mean.summed, pieces.data(), static_cast<int64_t>(parts_.size()), block,
                       to + mean.mean.offset(0, block, 0, 0));
    }
  }
}

int64_t BandWork::bytes_beside() const {
  size_t bytes = places_.capacity() * sizeof(Place) + commands_.capacity() * sizeof(Command) +
                 parts_.capacity() * sizeof(parts_[0]) + phases_.capacity() * sizeof(Phase) +
                 phase_ends_.capacity() * sizeof(int64_t) + rows_.capacity() * sizeof(rows_[0]);
  for (const std::vector<Band>& bands : parts_) bytes += bands.capacity() * sizeof(Band);
  for (const std::unique_ptr<Work>& work : works_) {
    bytes += ::malloc_usable_size(work.get()) + static_cast<size_t>(work->bytes_beside());
  }
  return static_cast<int64_t>(bytes);
}

void BandWork::run_part(int64_t at_phase, int64_t part, int64_t parts, const WorkPointers& p) const {
  if (shares_steps()) return run_shared(at_phase, part, parts, p);
  if (at_phase == turns_) return write_means(part, parts, p);
  auto* const memory = reinterpret_cast<std::byte*>(p.scratch + part * local_floats_);
  const std::vector<Band>& bands = parts_[static_cast<size_t>(part)];
  const auto [begin, end] = part_range(static_cast<int64_t>(bands.size()), at_phase, turns_);
  for (int64_t i = begin; i < end; ++i) run_band(bands[static_cast<size_t>(i)], memory, p);
}

void BandWork::run_band(const Band& band, std::byte* memory, const WorkPointers& p) const {
  for (uint32_t c = 0; c < band.commands; ++c) {
    const Command& command = commands_[band.first_command + c];
    const int64_t phases = command.work == nullptr ? 1 : command.work->phases();
    run_command(command, band, memory, p, {0, phases}, 0, 1);
  }
}

void BandWork::run_shared(int64_t at_phase, int64_t part, int64_t parts, const WorkPointers& p) const {
  if (at_phase == all_phases_) return write_means(part, parts, p);
  const auto at = std::upper_bound(phase_ends_.begin(), phase_ends_.end(), at_phase) - phase_ends_.begin();
  const Band& band = parts_[0][static_cast<size_t>(at)];
  const int64_t first = at == 0 ? 0 : phase_ends_[static_cast<size_t>(at) - 1];
  const Phase& phase = phases_[band.first_phase + static_cast<size_t>(at_phase - first)];
  auto* const memory = reinterpret_cast<std::byte*>(p.scratch);
  for (uint32_t i = 0; i < phase.commands; ++i) {
    run_command(commands_[phase.command + i], band, memory, p, {phase.phase, phase.phase + 1}, part, parts);
  }
}

void BandWork::run_command(const Command& command, const Band& band, std::byte* memory, const WorkPointers& p,
                           PartRange phases, int64_t part, int64_t parts) const {
  constexpr size_t most_inputs = 64;
  const int64_t* const rows = rows_.data() + band.first_row + 2 * static_cast<size_t>(command.step);
  const auto at = [&](const Place& place) -> std::byte* {
    const auto index = static_cast<size_t>(place.index);
    const int64_t offset = place.offset + rows[place.rows == Rows::in ? 1 : 0] * place.row_bytes;
    switch (place.kind) {
      case BandOperand::Kind::none: return nullptr;
      case BandOperand::Kind::input: return static_cast<std::byte*>(const_cast<void*>(p.inputs[index])) + offset;
      case BandOperand::Kind::output: return static_cast<std::byte*>(p.outputs[index]) + offset;
      case BandOperand::Kind::rolling:
      case BandOperand::Kind::sums: return memory + offset;
    }
    return nullptr;
  };
  std::byte* const out = at(command.output);
  if (command.work == nullptr) return move_or_clear(command, out, part_range(command.planes, part, parts));
  const void* inputs[most_inputs];
  for (int32_t i = 0; i < command.inputs; ++i) inputs[i] = at(places_[static_cast<size_t>(command.first_input + i)]);
  void* outputs[] = {
      out, command.has_second ? at(places_[static_cast<size_t>(command.first_input + command.inputs)]) : nullptr};
  const WorkPointers pointers{inputs, outputs, command.packed, reinterpret_cast<float*>(memory + command.scratch)};
  for (int64_t phase = phases.begin; phase < phases.end; ++phase) {
    command.work->run_part(phase, part, parts, pointers);
  }
}

}  // namespace kiln
