#include "kernels/rnn/packed_recurrence.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

extern const RecurrentCellsTable recurrent_cells_table_portable, recurrent_cells_table_avx2,
    recurrent_cells_table_avx512;

const RecurrentCellsTable& recurrent_cells_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return recurrent_cells_table_avx512;
    case Isa::avx2: return recurrent_cells_table_avx2;
    default: return recurrent_cells_table_portable;
  }
}

namespace {

/// Sums of gates that a thread has at a time, so that they stay in L1.
constexpr int64_t sums_floats = 4096;
/// Rows of the input's product that are made at a time, about.
constexpr int64_t rows_at_a_time = 512;
/// What a product in pairs keeps of the input at a time, in bytes, so that there is room in L2 for a panel of weights.
constexpr int64_t bytes_of_rows = 512 << 10;
/// Weights of a direction from which on it pays to wait for other threads at every step.
constexpr int64_t bytes_worth_a_barrier = 384 << 10;
/// About 5 ms of them, on one thread.
constexpr double multiply_adds_of_a_phase = 2e8;
/// Rows of the batch below which more slices would only read the weights more often.
constexpr int64_t least_rows_of_a_slice = 4;

/// What state() has for each direction.
enum State : int64_t { even_hidden, odd_hidden, cell_state, update_gate, reset_hidden, state_count };

/// Where the hidden numbers lie that a step begins with.
int64_t hidden_before(int64_t step) { return step % 2 == 0 ? even_hidden : odd_hidden; }

}  // namespace

PackedRecurrence::PackedRecurrence(const RecurrentProblem& p, Isa isa, int64_t parts)
    : problem_(p), isa_(isa), table_(&tile_table(isa)) {
  if (p.steps < 1 || p.batch < 1 || p.input < 1 || p.hidden < 1 || p.directions < 1 || p.directions > 2 || parts < 1) {
    fail(ErrorCode::unsupported, "no kernel for a recurrence of {} steps of {} sequences in {} directions", p.steps,
         p.batch, p.directions);
  }
  if (problem_.clip == 0) problem_.clip = std::numeric_limits<float>::infinity();
  blocks_ = divide_up(p.hidden, lanes());
  state_row_ = blocks_ * lanes();
  input_row_ = p.gates() * state_row_;

  chunks_ = divide_up(p.steps * p.batch, std::max(rows_at_a_time, p.batch));
  chunk_steps_ = divide_up(p.steps, chunks_);
  chunks_ = divide_up(p.steps, chunk_steps_);
  // The rows of one chunk lie together, unless the sequences come one after the other and have several chunks.
  const int64_t together = p.batch_first && chunks_ > 1 ? 1 : p.batch;
  for (const int64_t chunk : {int64_t{0}, chunks_ - 1}) {
    input_products_.push_back(input_product(chunk_length(chunk) * together));
  }
  const auto of_product = [&](auto&& number) { return std::visit(number, input_products_.front()); };
  direction_floats_ = whole_lines(of_product([](const auto& gemm) { return gemm.packed_floats(); }));
  part_floats_ = sums_floats + whole_lines(of_product([](const auto& gemm) { return gemm.scratch_floats(1); }));

  const RecurrentCellsTable& cells = recurrent_cells_table(isa);
  switch (p.kind) {
    case RecurrentKind::lstm: add_product(0, 4, p.input_forget ? cells.lstm_coupled : cells.lstm, false); break;
    case RecurrentKind::rnn_tanh: add_product(0, 1, cells.rnn_tanh, false); break;
    case RecurrentKind::rnn_relu: add_product(0, 1, cells.rnn_relu, false); break;
    case RecurrentKind::gru:
      if (p.linear_before_reset) {
        add_product(0, 3, cells.gru_linear, false);
      } else {
        add_product(0, 2, cells.gru_gates, false);
        add_product(2, 1, cells.gru_hidden, true);
      }
  }
  plan_phases(parts);
  shared_floats_ = p.directions *
                   (whole_lines(chunk_steps_ * p.batch * input_row_) + state_count * whole_lines(p.batch * state_row_));
}

int64_t PackedRecurrence::scratch_floats(int64_t parts) const { return shared_floats_ + parts * part_floats_; }

std::string PackedRecurrence::name() const {
  constexpr const char* kinds[] = {"lstm", "gru", "rnn_tanh", "rnn_relu"};
  return fmt::format("{}_f32_{}_{}", kinds[static_cast<size_t>(problem_.kind)], problem_.paired ? "paired" : "packed",
                     isa_name(isa_));
}

/// The product of so many rows of the input with a direction's W. What pack() makes does not depend on how many.
PackedRecurrence::InputProduct PackedRecurrence::input_product(int64_t rows) const {
  GemmProblem gemm;
  gemm.m = rows, gemm.k = problem_.input, gemm.n = input_row_;
  TileTuning tuning = PackedGemm::default_tuning(gemm, isa_);
  if (problem_.paired) {
    const PairedTable& tiles = paired_table(isa_);
    for (tuning.blocks = TileTable::most_blocks; tiles.rows[tuning.blocks] == 0;) --tuning.blocks;
    tuning.rows = tiles.rows[tuning.blocks], tuning.channels_outer = false, tuning.prefetch_weights = true;
    tuning.band = std::max<int64_t>(1, bytes_of_rows / (tuning.rows * gemm.k * static_cast<int64_t>(sizeof(float))));
    return PairedGemm(gemm, isa_, tuning);
  }
  tuning.blocks = best_blocks(*table_, divide_up(gemm.n, lanes()), table_->rows[1]);
  return PackedGemm(gemm, isa_, tuning);
}

void PackedRecurrence::add_product(int64_t first_gate, int64_t gates, RecurrentCell cell, bool of_reset) {
  Product product{first_gate, gates, cell, of_reset, {}};
  const int64_t at_once = std::max<int64_t>(1, TileTable::most_blocks / gates);
  for (int64_t block = 0; block < blocks_; block += at_once) {
    const int64_t blocks = std::min(at_once, blocks_ - block), wide = gates * blocks * lanes();
    product.panels.push_back({block, blocks, direction_floats_, direction_floats_ + problem_.hidden * wide});
    direction_floats_ += whole_lines((problem_.hidden + 1) * wide);
  }
  products_.push_back(std::move(product));
}

int64_t PackedRecurrence::chunk_length(int64_t chunk) const {
  return std::min(chunk_steps_, problem_.steps - chunk_first(chunk));
}

int64_t PackedRecurrence::chunk_time(int64_t direction, int64_t chunk) const {
  return backwards(direction) ? problem_.steps - chunk_first(chunk) - chunk_length(chunk) : chunk_first(chunk);
}

void PackedRecurrence::plan_phases(int64_t parts) {
  const RecurrentProblem& p = problem_;
  const int64_t slices = divide_up(parts, p.directions);
  const bool whole = parts <= p.directions || p.batch >= slices * least_rows_of_a_slice ||
                     p.gates() * p.hidden * p.hidden * static_cast<int64_t>(sizeof(float)) < bytes_worth_a_barrier;
  slices_ = whole ? std::min(slices, p.batch) : 0;
  // A run looks between phases whether it should stop.
  const double of_a_step = static_cast<double>(p.gates() * p.hidden * p.hidden) * static_cast<double>(p.batch + 3);
  const auto together = static_cast<int64_t>(std::clamp(multiply_adds_of_a_phase / of_a_step, 1.0, 1e6));
  for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
    phases_.push_back({chunk, 0, 0, 0});
    if (whole) {
      for (int64_t step = 0; step < chunk_length(chunk); step += together) {
        phases_.push_back({chunk, step, std::min(together, chunk_length(chunk) - step), -1});
      }
      continue;
    }
    for (int64_t step = 0; step < chunk_length(chunk); ++step) {
      for (size_t i = 0; i < products_.size(); ++i) phases_.push_back({chunk, step, 1, static_cast<int64_t>(i)});
    }
  }
}

float* PackedRecurrence::inputs(float* scratch, int64_t direction) const {
  return scratch + direction * whole_lines(chunk_steps_ * problem_.batch * input_row_);
}

float* PackedRecurrence::state(float* scratch, int64_t which, int64_t direction) const {
  return inputs(scratch, problem_.directions) +
         (direction * state_count + which) * whole_lines(problem_.batch * state_row_);
}

void PackedRecurrence::pack(const float* w, const float* r, const float* b, float* packed) const {
  const RecurrentProblem& p = problem_;
  const int64_t gates = p.gates(), hidden = p.hidden, width = gates * hidden;
  // B takes part in the input's product, but for Rb of a gate whose product is multiplied before the sum.
  const bool apart = p.kind == RecurrentKind::gru && p.linear_before_reset;
  std::vector<float> rows(static_cast<size_t>(input_row_ * p.input)), bias(static_cast<size_t>(input_row_));
  for (int64_t d = 0; d < p.directions; ++d) {
    float* const to = packed + d * direction_floats_;
    const float *const of_w = w + d * width * p.input, *const of_r = r + d * width * hidden;
    const float* const of_b = b == nullptr ? nullptr : b + d * 2 * width;
    for (int64_t gate = 0; gate < gates; ++gate) {
      for (int64_t i = 0; i < hidden; ++i) {
        const int64_t row = (i / lanes() * gates + gate) * lanes() + i % lanes(), from = gate * hidden + i;
        std::copy_n(of_w + from * p.input, p.input, rows.data() + row * p.input);
        if (of_b == nullptr) continue;
        bias[static_cast<size_t>(row)] = of_b[from] + (apart && gate == 2 ? 0.0f : of_b[width + from]);
      }
    }
    const auto pack_input = [&](const auto& gemm) { gemm.pack(rows.data(), 1, p.input, bias.data(), to); };
    std::visit(pack_input, input_products_.front());
    for (const Product& product : products_) {
      for (const Panel& panel : product.panels) {
        const int64_t blocks = product.gates * panel.blocks;
        std::fill_n(to + panel.weights, (hidden + 1) * blocks * lanes(), 0.0f);
        // Where an instruction set's tiles are narrower than a panel, it has several strips.
        for (int64_t column = 0; column < blocks * lanes(); ++column) {
          const int64_t block = column / lanes(), strip = block / table_->blocks * table_->blocks;
          const int64_t wide = std::min<int64_t>(table_->blocks, blocks - strip) * lanes();
          const int64_t gate = product.first_gate + block / panel.blocks;
          const int64_t i = (panel.block + block % panel.blocks) * lanes() + column % lanes();
          if (i >= hidden) continue;
          float* const at = to + panel.weights + strip * lanes() * hidden + column - strip * lanes();
          for (int64_t k = 0; k < hidden; ++k) at[k * wide] = of_r[(gate * hidden + i) * hidden + k];
          if (apart && gate == 2 && of_b != nullptr) to[panel.bias + column] = of_b[width + gate * hidden + i];
        }
      }
    }
  }
}

void PackedRecurrence::start(const RecurrentPointers& p, float* scratch) const {
  const RecurrentProblem& q = problem_;
  for (int64_t d = 0; d < q.directions; ++d) {
    std::fill_n(state(scratch, 0, d), state_count * whole_lines(q.batch * state_row_), 0.0f);
    for (int64_t i = 0; i < q.batch; ++i) {
      const int64_t at = (q.batch_first ? i * q.directions + d : d * q.batch + i) * q.hidden;
      if (p.initial_h != nullptr) {
        std::copy_n(p.initial_h + at, q.hidden, state(scratch, even_hidden, d) + i * state_row_);
      }
      if (p.initial_c != nullptr) {
        std::copy_n(p.initial_c + at, q.hidden, state(scratch, cell_state, d) + i * state_row_);
      }
    }
  }
}

void PackedRecurrence::multiply_input(int64_t chunk, int64_t part, int64_t parts, const RecurrentPointers& p,
                                      float* scratch) const {
  const RecurrentProblem& q = problem_;
  const InputProduct& product = chunk + 1 < chunks_ ? input_products_.front() : input_products_.back();
  const bool apart = parts % q.directions == 0;  // each direction has threads of its own
  const int64_t each = parts / q.directions;
  const int64_t first = apart ? part / each * each : 0;  // of the parts that share a product
  float* const own = scratch + shared_floats_ + parts * sums_floats + first * (part_floats_ - sums_floats);
  for (int64_t d = apart ? part / each : 0; d < (apart ? part / each + 1 : q.directions); ++d) {
    const int64_t time = chunk_time(d, chunk), products = q.batch_first && chunks_ > 1 ? q.batch : 1;
    for (int64_t i = 0; i < products; ++i) {
      const float* const x = p.x + (q.batch_first ? i * q.steps + time : time * q.batch) * q.input;
      float* const to = inputs(scratch, d) + i * chunk_steps_ * input_row_;
      const GemmPointers pointers{x, p.packed + d * direction_floats_, to};
      const auto run = [&](const auto& gemm) {
        gemm.run_part(0, apart ? part % each : part, apart ? each : parts, pointers, own);
      };
      std::visit(run, product);
    }
  }
}

/// The product of some rows of the state with a panel's weights.
void PackedRecurrence::multiply_state(const Product& product, const Panel& panel, int64_t direction, int64_t step,
                                      Rows rows, const RecurrentPointers& p, float* scratch, float* sums) const {
  const int64_t blocks = product.gates * panel.blocks, wide = blocks * lanes(), strip = table_->blocks;
  const float* const weights = p.packed + direction * direction_floats_;
  const float* const from = state(scratch, product.of_reset ? reset_hidden : hidden_before(step), direction);
  // All of K lies together: one group.
  static constexpr ptrdiff_t offset = 0;
  TileArgs args{};
  args.offsets = &offset;
  args.groups = 1, args.length = problem_.hidden;
  args.in_step = state_row_, args.out_step = wide, args.out_block = lanes();
  args.low = -std::numeric_limits<float>::infinity(), args.high = std::numeric_limits<float>::infinity();
  const int64_t tiles = divide_up(rows.end - rows.begin, table_->rows[std::min(blocks, strip)]);
  for (int64_t i = 0, row = rows.begin; i < tiles; ++i) {
    const int64_t count = divide_up(rows.end - row, tiles - i);
    args.in = from + row * state_row_;
    for (int64_t block = 0; block < blocks; block += strip) {
      args.weights = weights + panel.weights + block * lanes() * problem_.hidden;
      args.bias = weights + panel.bias + block * lanes();
      args.out = sums + (row - rows.begin) * wide + block * lanes();
      table_->find(args.in_step, std::min(strip, blocks - block), count)(args);
    }
    row += count;
  }
}

/// The next state of some rows from what multiply_state() made.
void PackedRecurrence::run_cells(const Product& product, const Panel& panel, int64_t direction, int64_t step, Rows rows,
                                 const RecurrentPointers& p, float* scratch, const float* sums) const {
  const RecurrentProblem& q = problem_;
  const int64_t time = backwards(direction) ? q.steps - 1 - step : step, row = rows.begin;
  const int64_t in_chunk = time - chunk_time(direction, step / chunk_steps_);
  const int64_t input_at = q.batch_first ? row * chunk_steps_ + in_chunk : in_chunk * q.batch + row;
  const int64_t y_at = q.batch_first ? (row * q.steps + time) * q.directions + direction
                                     : (time * q.directions + direction) * q.batch + row;
  RecurrentCellArgs cell{};
  cell.rows = rows.end - rows.begin;
  cell.product_row = product.gates * panel.blocks * lanes(), cell.product_gate = panel.blocks * lanes();
  cell.clip = q.clip;
  cell.state_row = state_row_;
  cell.input_row = (q.batch_first ? chunk_steps_ : 1) * input_row_;
  cell.y_row = (q.batch_first ? q.steps * q.directions : 1) * q.hidden;
  for (int64_t i = 0; i < panel.blocks; ++i) {
    const int64_t block = panel.block + i, at = row * state_row_ + block * lanes();
    cell.input = inputs(scratch, direction) + input_at * input_row_ + block * q.gates() * lanes();
    cell.product = sums + i * lanes();
    cell.before = state(scratch, hidden_before(step), direction) + at;
    cell.hidden = state(scratch, hidden_before(step + 1), direction) + at;
    cell.cell = state(scratch, cell_state, direction) + at;
    cell.update = state(scratch, update_gate, direction) + at;
    cell.reset = state(scratch, reset_hidden, direction) + at;
    cell.count = static_cast<int>(std::min(lanes(), q.hidden - block * lanes()));
    cell.y = p.y == nullptr ? nullptr : p.y + y_at * q.hidden + block * lanes();
    product.cell(cell);
    if (step + 1 < q.steps || &product != &products_.back()) continue;
    for (int64_t k = 0; k < cell.rows; ++k) {
      const int64_t last = q.batch_first ? (row + k) * q.directions + direction : direction * q.batch + row + k;
      const int64_t to = last * q.hidden + block * lanes();
      if (p.y_h != nullptr) std::copy_n(cell.hidden + k * state_row_, cell.count, p.y_h + to);
      if (p.y_c != nullptr) std::copy_n(cell.cell + k * state_row_, cell.count, p.y_c + to);
    }
  }
}

/// Some panels of a product, as many at a time as have their sums in L1: cells are faster when many follow each other,
/// and weights stream better. Every other step goes backwards through the weights, and begins with those that the step
/// before has left in L2.
void PackedRecurrence::run_panels(const Product& product, PartRange panels, int64_t direction, int64_t step, Rows rows,
                                  const RecurrentPointers& p, float* scratch, float* sums) const {
  const int64_t wide = TileTable::most_blocks * lanes(), fitting = sums_floats / wide, count = rows.end - rows.begin;
  const int64_t rows_at_once = std::min(count, fitting), panels_at_once = fitting / rows_at_once;
  const bool turned = step % 2 != 0;
  const int64_t runs = divide_up(panels.end - panels.begin, panels_at_once);
  for (int64_t run = 0; run < runs; ++run) {
    const int64_t first = panels.begin + (turned ? runs - 1 - run : run) * panels_at_once;
    const int64_t last = std::min(panels.end, first + panels_at_once);
    for (int64_t row = rows.begin; row < rows.end; row += rows_at_once) {
      const Rows some{row, std::min(rows.end, row + rows_at_once)};
      const auto each = [&](auto&& body) {
        for (int64_t i = 0; i < last - first; ++i) {
          const int64_t at = turned ? last - first - 1 - i : i;
          body(product.panels[static_cast<size_t>(first + at)], sums + at * rows_at_once * wide);
        }
      };
      each([&](const Panel& panel, float* to) {
        multiply_state(product, panel, direction, step, some, p, scratch, to);
      });
      each([&](const Panel& panel, const float* from) {
        run_cells(product, panel, direction, step, some, p, scratch, from);
      });
    }
  }
}

void PackedRecurrence::run_part(int64_t index, int64_t part, int64_t parts, const RecurrentPointers& p,
                                float* scratch) const {
  const RecurrentProblem& q = problem_;
  const Phase& phase = phases_[static_cast<size_t>(index)];
  if (phase.steps == 0) {
    if (index == 0 && part == 0) start(p, scratch);
    return multiply_input(phase.chunk, part, parts, p, scratch);
  }
  float* const sums = scratch + shared_floats_ + part * sums_floats;
  const int64_t first = chunk_first(phase.chunk) + phase.first_step;
  if (phase.product >= 0) {
    const Product& product = products_[static_cast<size_t>(phase.product)];
    const auto panels = static_cast<int64_t>(product.panels.size());
    const auto [begin, end] = part_range(q.directions * panels, part, parts);
    for (int64_t d = begin / panels; d * panels < end; ++d) {
      const PartRange own{std::max(begin - d * panels, int64_t{0}), std::min(end - d * panels, panels)};
      run_panels(product, own, d, first, {0, q.batch}, p, scratch, sums);
    }
    return;
  }
  const auto [begin, end] = part_range(q.directions * slices_, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const PartRange slice = part_range(q.batch, i % slices_, slices_);
    for (int64_t step = first; step < first + phase.steps; ++step) {
      for (const Product& product : products_) {
        const auto panels = static_cast<int64_t>(product.panels.size());
        run_panels(product, {0, panels}, i / slices_, step, {slice.begin, slice.end}, p, scratch, sums);
      }
    }
  }
}

}  // namespace kiln
