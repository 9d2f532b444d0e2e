#include "kernels/resize/resize.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

extern const ResizeTable resize_table_portable, resize_table_avx2, resize_table_avx512;

const ResizeTable& resize_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return resize_table_avx512;
    case Isa::avx2: return resize_table_avx2;
    default: return resize_table_portable;
  }
}

namespace {

constexpr int64_t most_taps = 64;

}  // namespace

Resize::Resize(const ops::Resampling& how, const ops::ResampledAxis& height, const ops::ResampledAxis& width,
               const BlockedLayout& in, const BlockedLayout& out, Isa isa)
    : in_(in), out_(out), isa_(isa), nearest_(how.mode == ops::Resampling::Mode::nearest), table_(&resize_table(isa)) {
  check_layout(in, "the input of a resize");
  check_layout(out, "the output of a resize");
  if (in.n != out.n || in.c != out.c || in.block != block_of(isa) || out.block != in.block || in.h != height.input ||
      in.w != width.input || out.h != height.output || out.w != width.output) {
    fail(ErrorCode::invalid_argument, "a resize of {} x {} to {} x {} from {} x {} x {} x {} to {} x {} x {} x {}",
         height.input, width.input, height.output, width.output, in.n, in.c, in.h, in.w, out.n, out.c, out.h, out.w);
  }
  if (in.row_stride() > std::numeric_limits<int32_t>::max()) {
    fail(ErrorCode::unsupported, "a resize of rows of {} floats", in.row_stride());
  }
  rows_ = taps_of(how, height);
  columns_ = taps_of(how, width);
  for (const int64_t index : columns_.indices) column_offsets_.push_back(static_cast<int32_t>(index * in.block));
  doubles_ = columns_.weights.empty() && out.w == 2 * in.w;
  for (int64_t x = 0; x < out.w && doubles_; ++x) doubles_ = columns_.indices[static_cast<size_t>(x)] == x / 2;
}

// Taps without weight are left out, where all indices of the axis have some.
Resize::Taps Resize::taps_of(const ops::Resampling& how, const ops::ResampledAxis& axis) {
  const ops::TapTable table(how, axis);
  if (std::find(table.outside.begin(), table.outside.end(), 1) != table.outside.end()) {
    fail(ErrorCode::unsupported, "a resize reaches outside its region");
  }
  if (table.weights.empty()) return {1, table.indices, {}};
  const auto taps = static_cast<size_t>(table.taps), count = static_cast<size_t>(axis.output);
  size_t most = 1;
  for (size_t i = 0; i < count; ++i) {
    const auto begin = table.weights.begin() + static_cast<ptrdiff_t>(i * taps);
    const auto zeros = std::count(begin, begin + static_cast<ptrdiff_t>(taps), 0.0);
    most = std::max(most, taps - static_cast<size_t>(zeros));
  }
  if (most > most_taps) fail(ErrorCode::unsupported, "a resize weighs {} pixels, the most are {}", most, most_taps);
  Taps result{static_cast<int64_t>(most), {}, {}};
  for (size_t i = 0; i < count; ++i) {
    size_t kept = 0;
    for (size_t tap = i * taps; tap < (i + 1) * taps; ++tap) {
      if (table.weights[tap] == 0) continue;
      result.indices.push_back(table.indices[tap]);
      result.weights.push_back(static_cast<float>(table.weights[tap]));
      ++kept;
    }
    for (; kept < most; ++kept) {
      result.indices.push_back(kept > 0 ? result.indices.back() : table.indices[i * taps]);
      result.weights.push_back(0.0f);
    }
  }
  const bool plain = most == 1 && std::count(result.weights.begin(), result.weights.end(), 1.0f) == axis.output;
  if (plain) result.weights.clear();
  return result;
}

std::string Resize::name() const {
  return fmt::format("resize_f32_{}_{}", nearest_ ? "nearest" : "weighted", isa_name(isa_));
}

void Resize::run_part(int64_t, int64_t part, int64_t parts, const ResizePointers& p, float* scratch) const {
  clear_halo(out_, p.out, part, parts);
  const int64_t blocks = out_.blocks(), height = out_.h;
  float* const line = rows_.weights.empty() ? nullptr : scratch + part * in_.w * in_.block;
  const auto [begin, end] = part_range(out_.n * blocks * height, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / (blocks * height), block = i / height % blocks, y = i % height;
    const float* const in = mixed_row(p.in + in_.offset(image, block, 0, 0), y, line);
    float* const out = p.out + out_.offset(image, block, y, 0);
    if (doubles_) {
      table_->twice(in, in_.w, out);
    } else if (columns_.weights.empty()) {
      table_->pick(in, column_offsets_.data(), out_.w, out);
    } else {
      table_->mix_pixels(in, column_offsets_.data(), columns_.weights.data(), columns_.taps, out_.w, out);
    }
  }
}

// The row of the input that a row of the output is made of, which is computed in `line` where several make it.
const float* Resize::mixed_row(const float* in, int64_t y, float* line) const {
  const int64_t* const indices = rows_.indices.data() + y * rows_.taps;
  if (rows_.weights.empty()) return in + indices[0] * in_.row_stride();
  const float* rows[most_taps];
  for (int64_t tap = 0; tap < rows_.taps; ++tap) rows[tap] = in + indices[tap] * in_.row_stride();
  table_->mix_rows(rows, rows_.weights.data() + y * rows_.taps, rows_.taps, in_.w * in_.block, line);
  return line;
}

}  // namespace kiln
