#include "kernels/norm/channel_norm.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/checked.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {
namespace {

constexpr int64_t most_lanes = 16;
/// Groups of plain tensors: fewer than so many are worked on by all threads together, in pieces of so many floats.
constexpr int64_t enough_groups = 16, piece = 8192;
constexpr int64_t deviations_floats = sizeof(Deviations) / sizeof(float);

/// What differs from the mean of `a_count` and `b_count` numbers together.
Deviations joined(const Deviations& a, double a_count, const Deviations& b, double b_count) {
  const double step = b.mean - a.mean, share = b_count / (a_count + b_count);
  return {a.mean + step * share, a.squares + b.squares + step * step * share * a_count};
}

}  // namespace

ChannelNormTensors::ChannelNormTensors(int64_t batch, int64_t channels, int64_t size)
    : blocked(false), n(batch), c(channels), span(size) {
  if (n < 0 || c < 1 || span < 1) {
    fail(ErrorCode::invalid_argument, "a normalisation of {} x {} channels of {}", n, c, span);
  }
  const int64_t dims[] = {n, c, span, static_cast<int64_t>(sizeof(float))};
  checked_product(dims, "a normalisation");
}

ChannelNormTensors::ChannelNormTensors(const BlockedLayout& from, const BlockedLayout& to, Isa isa)
    : blocked(true), n(from.n), c(from.c), span(from.h * from.w), in(from), out(to) {
  check_layout(in, "the input of a normalisation");
  check_layout(out, "the output of a normalisation");
  if (in.n != out.n || in.c != out.c || in.h != out.h || in.w != out.w || in.block != block_of(isa) ||
      out.block != in.block) {
    fail(ErrorCode::invalid_argument,
         "a normalisation from {} x {} x {} x {} in blocks of {} to {} x {} x {} x {} in blocks of {}", in.n, in.c,
         in.h, in.w, in.block, out.n, out.c, out.h, out.w, out.block);
  }
}

BatchNorm::BatchNorm(const ChannelNormTensors& tensors, Isa isa)
    : tensors_(tensors), isa_(isa), table_(&norm_table(isa)) {}

std::string BatchNorm::name() const { return fmt::format("norm_f32_batch_{}", isa_name(isa_)); }

// Means, factors, shifts; all zero for the padding of channels.
void BatchNorm::pack(const float* scale, const float* bias, const float* mean, const float* variance, float epsilon,
                     float* packed) const {
  const int64_t channels = tensors_.stored_channels(isa_);
  std::fill(packed, packed + packed_floats(), 0.0f);
  for (int64_t c = 0; c < tensors_.c; ++c) {
    const double deviation = std::sqrt(static_cast<double>(variance[c]) + static_cast<double>(epsilon));
    packed[c] = mean[c];
    packed[channels + c] = static_cast<float>(static_cast<double>(scale[c]) / deviation);
    packed[2 * channels + c] = bias[c];
  }
}

void BatchNorm::run_part(int64_t, int64_t part, int64_t parts, const ChannelNormPointers& p, float*) const {
  const ChannelNormTensors& t = tensors_;
  const int64_t channels = t.stored_channels(isa_);
  const float *mean = p.packed, *factor = mean + channels, *shift = factor + channels;
  if (!t.blocked) {
    const auto [begin, end] = part_range(t.n * t.c, part, parts);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c = i % t.c;
      table_->affine(p.in + i * t.span, p.out + i * t.span, t.span, mean[c], factor[c], shift[c]);
    }
    return;
  }
  clear_halo(t.out, p.out, part, parts);
  const int64_t blocks = t.in.blocks();
  const auto [begin, end] = part_range(t.n * blocks * t.in.h, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / (blocks * t.in.h), block = i / t.in.h % blocks, y = i % t.in.h;
    const int64_t first = block * t.in.block;
    table_->block_affine({p.in + t.in.offset(image, block, y, 0), p.out + t.out.offset(image, block, y, 0), 1, t.in.w,
                          0, 0, mean + first, factor + first, shift + first});
  }
}

GroupNorm::GroupNorm(const ChannelNormTensors& tensors, int64_t groups, float epsilon, Isa isa)
    : tensors_(tensors), groups_(groups), epsilon_(epsilon), isa_(isa), table_(&norm_table(isa)) {
  if (groups < 1 || tensors.c % groups != 0) {
    fail(ErrorCode::invalid_argument, "{} channels cannot be split into {} groups", tensors.c, groups);
  }
  const int64_t in_group = tensors.c / groups;
  const bool few = tensors.n * groups < enough_groups && in_group * tensors.span > piece;
  shares_statistics_ = tensors.blocked ? tensors.in.block % in_group != 0 : few;
}

std::string GroupNorm::name() const {
  return fmt::format("norm_f32_{}_{}", groups_ == tensors_.c ? "instance" : "group", isa_name(isa_));
}

void GroupNorm::pack(const float* scale, const float* bias, float* packed) const {
  std::fill(packed, packed + packed_floats(), 0.0f);
  std::copy_n(scale, tensors_.c, packed);
  std::copy_n(bias, tensors_.c, packed + tensors_.stored_channels(isa_));
}

int64_t GroupNorm::scratch_floats(int64_t) const {
  if (!shares_statistics_) return 0;
  return tensors_.blocked ? tensors_.n * 2 * tensors_.stored_channels(isa_)
                          : tensors_.n * groups_ * pieces() * deviations_floats;
}

void GroupNorm::run_part(int64_t phase, int64_t part, int64_t parts, const ChannelNormPointers& p,
                         float* scratch) const {
  if (!tensors_.blocked)
    return shares_statistics_ ? run_pieces(phase, part, parts, p, scratch) : run_plain(part, parts, p);
  if (phase == 0) clear_halo(tensors_.out, p.out, part, parts);
  const int64_t blocks = tensors_.in.blocks(), lanes = tensors_.in.block;
  const auto [begin, end] = part_range(tensors_.n * blocks, part, parts);
  Known known;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / blocks, block = i % blocks;
    float own[2 * most_lanes];
    float* const statistics = shares_statistics_ ? scratch + i * 2 * lanes : own;
    if (phase == 0) {
      table_->block_deviations(block_args(image, block, p), statistics);
    }
    if (!shares_statistics_) {
      normalize_block(image, block, own, block, p, known);
    } else if (phase == 1) {
      normalize_block(image, block, scratch + image * blocks * 2 * lanes, 0, p, known);
    }
  }
}

BlockNormArgs GroupNorm::block_args(int64_t image, int64_t block, const ChannelNormPointers& p) const {
  const BlockedLayout &in = tensors_.in, &out = tensors_.out;
  BlockNormArgs a{};
  a.in = p.in + in.offset(image, block, 0, 0);
  a.out = p.out + out.offset(image, block, 0, 0);
  a.rows = in.h, a.columns = in.w;
  a.in_row = in.row_stride(), a.out_row = out.row_stride();
  return a;
}

double GroupNorm::deviation_of(const Deviations& of) const {
  const auto size = static_cast<double>(tensors_.c / groups_ * tensors_.span);
  return std::sqrt(of.squares / size + static_cast<double>(epsilon_));
}

// The squares of a group are those about each channel's mean, and what these means differ from the group's.
void GroupNorm::normalize_block(int64_t image, int64_t block, const float* statistics, int64_t first_block,
                                const ChannelNormPointers& p, Known& known) const {
  const int64_t lanes = tensors_.in.block, in_group = tensors_.c / groups_;
  const double span = static_cast<double>(tensors_.span);
  const auto mean_of = [&](int64_t c) {
    return static_cast<double>(statistics[(c / lanes - first_block) * 2 * lanes + c % lanes]);
  };
  const auto squares_of = [&](int64_t c) {
    return static_cast<double>(statistics[((c / lanes - first_block) * 2 + 1) * lanes + c % lanes]);
  };
  float mean[most_lanes] = {}, factor[most_lanes] = {};
  const int64_t end = std::min(tensors_.c, (block + 1) * lanes);
  for (int64_t c = block * lanes; c < end;) {
    const int64_t group = c / in_group, first = group * in_group, last = std::min(first + in_group, end);
    if (known.group != image * groups_ + group) {
      Deviations all{};
      for (int64_t k = first; k < first + in_group; ++k) all.mean += mean_of(k);
      all.mean /= static_cast<double>(in_group);
      for (int64_t k = first; k < first + in_group; ++k) {
        all.squares += squares_of(k) + span * (mean_of(k) - all.mean) * (mean_of(k) - all.mean);
      }
      known = {image * groups_ + group, all.mean, deviation_of(all)};
    }
    for (; c < last; ++c) {
      mean[c % lanes] = static_cast<float>(known.mean);
      factor[c % lanes] = static_cast<float>(static_cast<double>(p.packed[c]) / known.deviation);
    }
  }
  BlockNormArgs a = block_args(image, block, p);
  a.mean = mean;
  a.factor = factor;
  a.shift = p.packed + tensors_.stored_channels(isa_) + block * lanes;
  table_->block_affine(a);
}

void GroupNorm::run_plain(int64_t part, int64_t parts, const ChannelNormPointers& p) const {
  const int64_t in_group = tensors_.c / groups_, size = in_group * tensors_.span;
  const auto [begin, end] = part_range(tensors_.n * groups_, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const Deviations all = table_->deviations(p.in + i * size, size);
    const Known known{i, all.mean, deviation_of(all)};
    for (int64_t k = 0; k < in_group; ++k) normalize_row(i * in_group + k, known, p);
  }
}

int64_t GroupNorm::pieces() const { return divide_up(tensors_.c / groups_ * tensors_.span, piece); }

void GroupNorm::run_pieces(int64_t phase, int64_t part, int64_t parts, const ChannelNormPointers& p,
                           float* scratch) const {
  const int64_t in_group = tensors_.c / groups_, size = in_group * tensors_.span;
  const auto floats_of = [&](int64_t index) { return std::min(piece, size - index * piece); };
  if (phase == 0) {
    const auto [begin, end] = part_range(tensors_.n * groups_ * pieces(), part, parts);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / pieces(), index = i % pieces();
      const Deviations found = table_->deviations(p.in + group * size + index * piece, floats_of(index));
      std::memcpy(scratch + i * deviations_floats, &found, sizeof found);
    }
    return;
  }
  const auto [begin, end] = part_range(tensors_.n * tensors_.c, part, parts);
  Known known;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t group = row / in_group;
    if (known.group != group) {
      Deviations all{};
      for (int64_t index = 0; index < pieces(); ++index) {
        Deviations found;
        std::memcpy(&found, scratch + (group * pieces() + index) * deviations_floats, sizeof found);
        all = joined(all, static_cast<double>(index * piece), found, static_cast<double>(floats_of(index)));
      }
      known = {group, all.mean, deviation_of(all)};
    }
    normalize_row(row, known, p);
  }
}

void GroupNorm::normalize_row(int64_t row, const Known& known, const ChannelNormPointers& p) const {
  const int64_t c = row % tensors_.c, at = row * tensors_.span;
  const auto factor = static_cast<float>(static_cast<double>(p.packed[c]) / known.deviation);
  table_->affine(p.in + at, p.out + at, tensors_.span, static_cast<float>(known.mean), factor,
                 p.packed[tensors_.stored_channels(isa_) + c]);
}

}  // namespace kiln
