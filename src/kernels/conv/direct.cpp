#include "kernels/conv/direct.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/conv/tap_zones.hpp"

namespace kiln {
namespace {

/// The sum over these taps of runs of channels: runs outermost, whole blocks first.
TileDepth depth_over(const std::vector<ConvGroups::Run>& runs, const BlockedLayout& in, std::span<const int64_t> rows,
                     std::span<const int64_t> columns) {
  TileDepth depth;
  const auto taps = static_cast<int64_t>(rows.size() * columns.size());
  depth.length = in.block;
  for (const auto& [first, count] : runs) {
    if (count == in.block) {
      depth.groups += taps;
    } else {
      depth.tail_groups += taps, depth.tail_length = count;
    }
    const int64_t place = first / in.block * in.block_stride() + first % in.block;
    for (const int64_t y : rows) {
      for (const int64_t x : columns) depth.offsets.push_back(place + y * in.row_stride() + x * in.block);
    }
  }
  return depth;
}

/// Adds the pixels of a row zone and a column zone, which read some of the taps.
void add_zone(TileDepth& depth, const TapZone& rows, const TapZone& columns, int64_t kernel_h, int64_t kernel_w) {
  TileDepth::Zone zone{rows.begin, rows.end, columns.begin, columns.end, 0, 0, depth.offsets.size()};
  int64_t skipped = 0;
  for (int64_t group = 0; group < depth.groups + depth.tail_groups; ++group) {
    const bool is_tail = group >= depth.groups;
    const int64_t tap = group % (kernel_h * kernel_w), y = tap / kernel_w, x = tap % kernel_w;
    if (y < rows.first_tap || y >= rows.last_tap || x < columns.first_tap || x >= columns.last_tap) {
      skipped += is_tail ? depth.tail_length : depth.length;
      continue;
    }
    const ptrdiff_t offset = depth.offsets[static_cast<size_t>(group)];
    depth.offsets.push_back(offset);
    depth.skips.push_back(std::exchange(skipped, 0));
    ++(is_tail ? zone.tail_groups : zone.groups);
  }
  depth.zones.push_back(zone);
}

/// How far the outputs of a zone read beyond an axis of `size`, before or behind it.
int64_t reach_of(const std::vector<TapZone>& zones, int64_t size, int64_t stride, int64_t dilation, int64_t pad) {
  int64_t reach = 0;
  for (const TapZone& zone : zones) {
    if (zone.first_tap == zone.last_tap) continue;
    const int64_t last = (zone.end - 1) * stride + (zone.last_tap - 1) * dilation - pad;
    reach = std::max({reach, pad - zone.begin * stride - zone.first_tap * dilation, last - size + 1});
  }
  return reach;
}

/// What the k-th float of a sum over runs is: the channel, and which of the taps.
struct DepthPlace {
  int64_t channel, tap;
};
DepthPlace depth_place(const TileDepth& depth, const std::vector<ConvGroups::Run>& runs, int64_t taps, int64_t k) {
  const int64_t whole = depth.groups * depth.length;
  const int64_t group = k < whole ? k / depth.length : depth.groups + (k - whole) / depth.tail_length;
  const int64_t within = k < whole ? k % depth.length : (k - whole) % depth.tail_length;
  return {runs[static_cast<size_t>(group / taps)].first + within, group % taps};
}

/// The runs of the panel that is being packed.
class RunsOfPanel {
 public:
  explicit RunsOfPanel(const ConvGroups& groups) : groups_(groups) {}
  const std::vector<ConvGroups::Run>& at(int64_t first, int64_t count) {
    if (first != first_) runs_ = groups_.runs(first, count), first_ = first;
    return runs_;
  }

 private:
  const ConvGroups& groups_;
  int64_t first_ = -1;
  std::vector<ConvGroups::Run> runs_;
};

void set_common(TileWalk& walk, const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                const TileTuning& tuning) {
  walk.isa = isa;
  walk.tuning = tuning;
  walk.epilogue = EpiloguePlan(p.epilogue);
  walk.images = p.batch;
  walk.channels = p.channels_out;
  walk.in_image = in.image_stride();
  walk.out_image = out.image_stride();
  walk.out_block = out.block_stride();
}

}  // namespace

DirectConv::DirectConv(const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                       const TileTuning& tuning)
    : problem_(p), groups_((check_conv(p, false), p), block_of(isa)), out_(out) {
  const int64_t height = p.out_height(), width = p.out_width();
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a convolution");
  check_conv_layout(out, p.batch, p.channels_out, height, width, isa, "the output of a convolution");
  if (const Halo needed = halo(p); larger(needed, in.halo) != in.halo) {
    fail(ErrorCode::unsupported, "a convolution reads {} rows and {} columns around its input, the halo has {} and {}",
         needed.h, needed.w, in.halo.h, in.halo.w);
  }
  set_common(walk_, p, in, out, isa, tuning);
  std::vector<int64_t> rows, columns;
  for (int64_t y = 0; y < p.kernel_h; ++y) rows.push_back(in.halo.h - p.pad_top + y * p.dilation_h);
  for (int64_t x = 0; x < p.kernel_w; ++x) columns.push_back(in.halo.w - p.pad_left + x * p.dilation_w);
  const bool zoned = products_left(p) < 1;
  walk_.in_pixel = p.stride_w * in.block;
  walk_.out_pixel = out.block;
  if (p.group == 1 && !zoned) {
    walk_.in_blocks = in.blocks();
    walk_.in_block = in.block_stride();
    walk_.in_new = (in.halo.h - p.pad_top + std::max<int64_t>(0, p.span_h() - p.stride_h)) * in.row_stride();
  }
  const bool plain = p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1;
  if (!zoned && (height == 1 || (plain && in.halo.w == 0 && out.halo.w == 0))) {
    // All pixels of an image lie in a row, so that each may be a line.
    const int64_t tile = tile_table(isa).rows[std::clamp(tuning.blocks, 1, tile_table(isa).blocks)];
    walk_.adjoining = true;
    walk_.lines = height * width;
    walk_.width = 1;
    walk_.in_line = walk_.in_pixel;
    walk_.out_line = out.block;
    walk_.tuning.band = std::max<int64_t>(1, tuning.band) * tile;
  } else {
    walk_.lines = height;
    walk_.width = width;
    walk_.in_line = p.stride_h * in.row_stride();
    walk_.out_line = out.row_stride();
  }
  walk_.prepare(groups_.wall, [&](int64_t first, int64_t count) {
    TileDepth depth = depth_over(groups_.runs(first, count), in, rows, columns);
    if (!zoned) return depth;
    depth.skips.resize(depth.offsets.size());
    for (const TapZone& of_rows : row_zones(p)) {
      for (const TapZone& of_columns : column_zones(p)) add_zone(depth, of_rows, of_columns, p.kernel_h, p.kernel_w);
    }
    return depth;
  });
}

TileTuning DirectConv::default_tuning(const ConvProblem& p, Isa isa) {
  TileTuning t;
  const int64_t blocks = ConvGroups(p, block_of(isa)).alike, taps = p.kernel_h * p.kernel_w;
  const int64_t weight_bytes = p.channels_in / p.group * p.channels_out * taps * 4;
  t.blocks = best_blocks(tile_table(isa), blocks, p.out_width());
  t.channels_outer = weight_bytes > cache_sizes().l2 / 2;
  t.two_lines = p.out_width() <= 7;
  t.band = taps == 1 ? 8 : 4;
  // Measured on Zen 4 with weights from main memory: narrow panels, which arrive in time, beat wide ones.
  if (t.channels_outer && blocks >= 2 && t.two_lines) t.blocks = 2, t.band = 8;
  if (t.channels_outer && blocks >= 2 && taps > 1 && p.out_width() <= 28) {
    t.blocks = 2, t.band = t.two_lines ? 8 : 4, t.prefetch_weights = !t.two_lines;
  }
  return t;
}

Halo DirectConv::halo(const ConvProblem& p) {
  return {reach_of(row_zones(p), p.height, p.stride_h, p.dilation_h, p.pad_top),
          reach_of(column_zones(p), p.width, p.stride_w, p.dilation_w, p.pad_left)};
}

std::string DirectConv::name() const { return fmt::format("conv_f32_direct_{}", isa_name(walk_.isa)); }

void DirectConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t taps = problem_.kernel_h * problem_.kernel_w, row = groups_.in * taps;
  RunsOfPanel runs(groups_);
  walk_.pack(
      packed,
      [&](const TileDepth& depth, int64_t k, int64_t first, int64_t count, float* to) {
        const DepthPlace place = depth_place(depth, runs.at(first, count), taps, k);
        const float* from = weights + first * row + place.tap;
        if (problem_.group == 1) {
          from += place.channel * taps;
          for (int64_t c = 0; c < count; ++c) to[c] = from[c * row];
          return;
        }
        for (int64_t c = 0; c < count; ++c) {
          const int64_t in = groups_.within(first + c, place.channel);
          to[c] = in < 0 ? 0.0f : from[c * row + in * taps];
        }
      },
      [&](int64_t channel) { return bias == nullptr ? 0.0f : bias[channel]; });
}

void DirectConv::run_part(int64_t, int64_t part, int64_t parts, const ConvPointers& p, float*) const {
  clear_halo(out_, p.out, part, parts, walk_.tuning.channels_outer ? Share::blocks : Share::rows);
  const int64_t first = out_.offset(0, 0, 0, 0);
  walk_.run_part(part, parts, p.in, p.packed, p.out + first, p.residual == nullptr ? nullptr : p.residual + first);
}

TransposedConv::TransposedConv(const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                               const TileTuning& tuning)
    : isa_(isa), problem_(p), groups_((check_conv(p, true), p), block_of(isa)), out_(out) {
  const int64_t height = p.transposed_height(), width = p.transposed_width();
  check_conv_layout(in, p.batch, p.channels_in, p.height, p.width, isa, "the input of a transposed convolution");
  check_conv_layout(out, p.batch, p.channels_out, height, width, isa, "the output of a transposed convolution");
  // Output y gets input i by tap k where i stride + k dilation == y + pad; for y = y0 + j stride, i is j + a constant.
  const auto reach = [&](int64_t y0, int64_t count, int64_t stride, int64_t dilation, int64_t kernel, int64_t pad,
                         int64_t size, int64_t halo, const char* side, std::vector<int64_t>& taps) {
    std::vector<int64_t> offsets;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t from = y0 + pad - k * dilation;
      if (from % stride != 0) continue;
      check_reach(from / stride, from / stride + count - 1, size, halo, side);
      taps.push_back(k);
      offsets.push_back(halo + from / stride);
    }
    return offsets;
  };
  int64_t packed_at = 0;
  for (int64_t y0 = 0; y0 < std::min(p.stride_h, height); ++y0) {
    for (int64_t x0 = 0; x0 < std::min(p.stride_w, width); ++x0) {
      Residue residue;
      residue.y0 = y0, residue.x0 = x0;
      TileWalk& walk = residue.walk;
      walk.lines = divide_up(height - y0, p.stride_h);
      walk.width = divide_up(width - x0, p.stride_w);
      const auto rows = reach(y0, walk.lines, p.stride_h, p.dilation_h, p.kernel_h, p.pad_top, p.height, in.halo.h,
                              "rows", residue.taps_h);
      const auto columns = reach(x0, walk.width, p.stride_w, p.dilation_w, p.kernel_w, p.pad_left, p.width, in.halo.w,
                                 "columns", residue.taps_w);
      set_common(walk, p, in, out, isa, tuning);
      walk.in_pixel = in.block;
      walk.in_line = in.row_stride();
      walk.out_pixel = p.stride_w * out.block;
      walk.out_line = p.stride_h * out.row_stride();
      walk.prepare(groups_.wall, [&](int64_t first, int64_t count) {
        return depth_over(groups_.runs(first, count), in, rows, columns);
      });
      residue.packed_at = packed_at;
      residue.out_at = out.offset(0, 0, y0, x0);
      packed_at += walk.packed_floats();
      residues_.push_back(std::move(residue));
    }
  }
}

std::string TransposedConv::name() const { return fmt::format("conv_f32_transposed_{}", isa_name(isa_)); }

int64_t TransposedConv::packed_floats() const {
  return residues_.back().packed_at + residues_.back().walk.packed_floats();
}

void TransposedConv::pack(const float* weights, const float* bias, float* packed) const {
  const int64_t area = problem_.kernel_h * problem_.kernel_w;
  for (const Residue& residue : residues_) {
    const auto columns = static_cast<int64_t>(residue.taps_w.size());
    const int64_t taps = static_cast<int64_t>(residue.taps_h.size()) * columns;
    RunsOfPanel runs(groups_);
    residue.walk.pack(
        packed + residue.packed_at,
        [&](const TileDepth& depth, int64_t k, int64_t first, int64_t count, float* to) {
          const DepthPlace place = depth_place(depth, runs.at(first, count), taps, k);
          const int64_t y = residue.taps_h[static_cast<size_t>(place.tap / columns)];
          const int64_t x = residue.taps_w[static_cast<size_t>(place.tap % columns)];
          const int64_t row = place.channel * groups_.out, tap = y * problem_.kernel_w + x;
          for (int64_t c = first; c < first + count; ++c) {
            *to++ = groups_.within(c, place.channel) < 0 ? 0.0f : weights[(row + c % groups_.out) * area + tap];
          }
        },
        [&](int64_t channel) { return bias == nullptr ? 0.0f : bias[channel]; });
  }
}

void TransposedConv::run_part(int64_t, int64_t part, int64_t parts, const ConvPointers& p, float*) const {
  clear_halo(out_, p.out, part, parts);
  for (const Residue& residue : residues_) {
    residue.walk.run_part(part, parts, p.in, p.packed + residue.packed_at, p.out + residue.out_at,
                          p.residual == nullptr ? nullptr : p.residual + residue.out_at);
  }
}

}  // namespace kiln
