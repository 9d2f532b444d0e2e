#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/cpu.hpp"
#include "kernels/conv/transposed_winograd.hpp"
#include "kernels/conv/winograd.hpp"
#include "tactics/conv_group.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

std::string decline_winograd(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (c.kernel_h != 3 || c.kernel_w != 3) return "not a 3 x 3 kernel";
  if (c.stride_h > 2 || c.stride_w != c.stride_h) return "strides that are not 1 or 2";
  if (c.dilation_h != 1 || c.dilation_w != 1) return "a dilation";
  if (c.group != 1) return "groups";
  if (c.pad_top > 2 || c.pad_left > 2 || c.pad_bottom > 2 || c.pad_right > 2) return "pads above 2";
  return c.channels_in >= 8 && c.channels_out >= 8 ? "" : "fewer than 8 channels";
}

std::string decline_transposed_winograd(const Problem& p) {
  if (std::string why = decline_transposed(p); !why.empty()) return why;
  const ConvProblem c = transposed_problem(p);
  for (const int64_t kernel : {c.kernel_h, c.kernel_w}) {
    if (kernel != 3 && kernel != 4) return "a kernel size that is not 3 or 4";
  }
  if (c.stride_h != 2 || c.stride_w != 2 || c.dilation_h != 1 || c.dilation_w != 1) return "not strides of 2";
  if (c.group != 1) return "groups";
  return c.channels_in >= 8 && c.channels_out >= 8 ? "" : "fewer than 8 channels";
}

/// One pixel saves time; more there need not be.
Halo at_most_one(const Halo& halo) { return {std::min<int64_t>(1, halo.h), std::min<int64_t>(1, halo.w)}; }
Halo winograd_halo(const Problem& p, size_t input) { return at_most_one(conv_halo(p, input)); }
Halo transposed_winograd_halo(const Problem& p, size_t input) { return at_most_one(transposed_halo(p, input)); }

Tuning from_winograd(const WinogradTuning& t) {
  return {{t.size, t.blocks, static_cast<int32_t>(t.tiles), t.split_channels, t.prefetch_weights, t.fresh_weights,
           t.paired}};
}
WinogradTuning to_winograd(const Tuning& t) {
  return {t.numbers[0],      t.numbers[1],      t.numbers[2],     t.numbers[3] != 0,
          t.numbers[4] != 0, t.numbers[5] != 0, t.numbers[6] != 0};
}
/// With fewer output channels, making tiles ready takes most of what pairs save.
bool pays_in_pairs(const ConvProblem& c, int64_t outs) {
  return adds_beside_multiplying() && c.channels_in >= 48 && c.channels_out >= outs;
}

/// So many tiles of so many planes; `outs` output channels, a transposed convolution's for each of its residues.
/// `weights`: how many there are for a pair of channels.
double winograd_seconds(const Problem& p, const ConvProblem& c, double tiles, double planes, double outs,
                        double weights, bool split, bool paired = false) {
  const int64_t block = block_of(p.isa);
  const double ins = static_cast<double>(pad_to(c.channels_in, block));
  const double share = paired ? 0.97 * paired_share(p.isa) : 0.85, making_ready = paired ? 16 : 0;
  const double products = arithmetic_seconds(tiles * planes * static_cast<double>(c.channels_in) * outs, p.isa, share);
  const double bytes = weights * static_cast<double>(c.channels_in) * outs * 4;
  // Few tiles use each weight only a few times, so that reading them from beyond L2 shows.
  const bool far = bytes > static_cast<double>(cache_sizes().l2) / 2;
  const double reading = far ? weight_seconds(p, bytes) * (split ? 1.0 : 1.2) : 0;
  // Two parts that split channels transform all inputs each; more of them share these, which come slowly from core to
  // core.
  const double copies = split && p.threads == 2 ? 2 : 1;
  const double sharing = split && p.threads > 2 ? tiles * planes * ins * 4 * (p.threads - 1) / 2e9 : 0;
  const double transforms =
      arithmetic_seconds(tiles * planes * (ins * (8.5 + making_ready) * copies + outs * 8.5), p.isa, 1) + sharing;
  return std::max(products, reading) + 0.3 * std::min(products, reading) + transforms + epilogue_seconds(p);
}

/// Bands begin where tiles do, so that the tiles are those of the whole.
std::optional<RowRule> winograd_rows(const Problem& p, const Tuning& tuning) {
  std::optional<RowRule> rule = conv_rows(p, tuning);
  if (rule) rule->multiple = to_winograd(tuning).size;
  return rule;
}

double winograd_cost(const Problem& p, const Tuning& tuning) {
  const WinogradTuning t = to_winograd(tuning);
  const ConvProblem c = conv_problem(p);
  const auto size = static_cast<int64_t>(t.size);
  const double tiles = static_cast<double>(c.batch * divide_up(c.out_height(), size) * divide_up(c.out_width(), size));
  const auto planes = static_cast<double>(WinogradConv::tile_planes(size, c.stride_h));
  const auto weights = static_cast<double>(WinogradConv::weight_planes(size));
  const double outs = static_cast<double>(pad_to(c.channels_out, block_of(p.isa)));
  const double seconds =
      winograd_seconds(p, c, tiles, planes, outs, t.fresh_weights ? 9 : weights, t.split_channels, t.paired);
  if (!t.fresh_weights) return seconds;
  const auto batches = static_cast<double>(divide_up(static_cast<int64_t>(tiles), t.tiles));
  return seconds + arithmetic_seconds(batches * weights * static_cast<double>(c.channels_in) * outs * 3.5, p.isa, 1);
}

std::vector<Tuning> winograd_tunings(const Problem& p) {
  const ConvProblem c = conv_problem(p);
  WinogradTuning best = WinogradConv::default_tuning(c);
  std::vector<Tuning> all{from_winograd(best)};
  best.paired = pays_in_pairs(c, 48);
  if (best.paired) {
    // Faster products want each weight that comes from afar for more tiles, unless these no longer fit L2.
    const int64_t planes = WinogradConv::tile_planes(best.size, c.stride_h);
    const int64_t tiles = c.batch * divide_up(c.out_height(), best.size) * divide_up(c.out_width(), best.size);
    const int64_t channels = std::max(c.channels_in, c.channels_out);
    if (tiles <= 56 || 28 * planes * channels * 4 <= cache_sizes().l2 * 2) best.tiles = 28;
    const int64_t weights = WinogradConv::weight_planes(best.size) * c.channels_in * c.channels_out * 4;
    best.prefetch_weights = weights > cache_sizes().l2;
  }
  if (best.paired) all.push_back(from_winograd(best));
  const bool paired = pays_in_pairs(c, 96);
  const auto add = [&](const WinogradTuning& t) {
    const Tuning tuning = from_winograd(t);
    if (std::find(all.begin(), all.end(), tuning) == all.end()) all.push_back(tuning);
  };
  const bool strided = c.stride_h == 2;
  const int64_t side = std::min(c.out_height(), c.out_width());
  for (const int size : strided ? std::array{5, 4, 3} : std::array{6, 4, 2}) {
    if (size > (strided ? 3 : 2) && side < size) continue;
    const int64_t weights = WinogradConv::weight_planes(size) * c.channels_in * c.channels_out * 4;
    for (const int blocks : {2, 4}) {
      for (const int64_t tiles : {28, 14, 56}) {
        for (const bool split : {false, true}) {
          if (split && (side > 60 || weights < cache_sizes().l2 / 4)) continue;
          for (const bool prefetch : {false, true}) {
            if (prefetch && weights < cache_sizes().l2 / 4) continue;
            add({size, blocks, tiles, split, prefetch, false, paired});
          }
        }
      }
    }
    if (weights < cache_sizes().l2 * 2) continue;
    for (const int64_t tiles : {28, 56, 112}) add({size, 2, tiles, true, false, true, paired});
  }
  // The rule's size first, then by what they should cost.
  std::stable_sort(all.begin(), all.end(),
                   [&](const Tuning& a, const Tuning& b) { return winograd_cost(p, a) < winograd_cost(p, b); });
  return all;
}

WinogradConv make_winograd(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& tuning) {
  return {conv_problem(p), in, out, p.isa, to_winograd(tuning), p.threads};
}
WinogradConv winograd_packer(const Problem& p, const Tuning& tuning) {
  return make_winograd(p, packing_layout(p.inputs[0].shape, p, winograd_halo(p, 0)),
                       packing_layout(p.outputs[0].shape, p, 0), tuning);
}
std::string describe_winograd(const Tuning& tuning) {
  const WinogradTuning t = to_winograd(tuning);
  return fmt::format("F({0}x{0},3x3), {1} blocks, {2} tiles{3}{4}{5}{6}", t.size, t.blocks, t.tiles,
                     t.split_channels ? ", channels split" : "", t.prefetch_weights ? ", prefetch" : "",
                     t.fresh_weights ? ", weights transformed in the run" : "", t.paired ? ", in pairs" : "");
}

Tuning from_transposed_winograd(const TransposedWinogradTuning& t) {
  return {{t.size, t.blocks, static_cast<int32_t>(t.tiles), t.residues, t.split_channels, t.prefetch_weights,
           t.fresh_weights}};
}
TransposedWinogradTuning to_transposed_winograd(const Tuning& t) {
  return {t.numbers[0],      t.numbers[1],      t.numbers[2],     t.numbers[3],
          t.numbers[4] != 0, t.numbers[5] != 0, t.numbers[6] != 0};
}
double transposed_winograd_cost(const Problem& p, const Tuning& tuning) {
  const TransposedWinogradTuning t = to_transposed_winograd(tuning);
  const ConvProblem c = transposed_problem(p);
  const auto size = static_cast<int64_t>(t.size);
  const double tiles = static_cast<double>(c.batch * divide_up(divide_up(c.transposed_height() + 1, 2), size) *
                                           divide_up(divide_up(c.transposed_width() + 1, 2), size));
  const double outs = static_cast<double>(4 * pad_to(c.channels_out, block_of(p.isa)));
  const auto planes = static_cast<double>((size + 1) * (size + 1));
  const double seconds = winograd_seconds(p, c, tiles, planes, outs, t.fresh_weights ? 4 : planes, t.split_channels);
  if (!t.fresh_weights) return seconds;
  const auto batches = static_cast<double>(divide_up(static_cast<int64_t>(tiles), t.tiles));
  return seconds + arithmetic_seconds(batches * planes * static_cast<double>(c.channels_in) * outs * 3.5, p.isa, 1);
}
std::vector<Tuning> transposed_winograd_tunings(const Problem& p) {
  const ConvProblem c = transposed_problem(p);
  std::vector<Tuning> all{from_transposed_winograd(TransposedWinogradConv::default_tuning(c))};
  for (const int size : {5, 3}) {
    const int64_t weights = int64_t{16} * (size + 1) * (size + 1) * c.channels_in * c.channels_out;
    const bool far = weights > cache_sizes().l2;
    for (const int blocks : {2, 4}) {
      for (const int64_t tiles : {28, 56, 168}) {
        for (const bool split : {false, true}) {
          if (split != far && (split || tiles == 28)) continue;
          const Tuning tuning = from_transposed_winograd({size, blocks, tiles, far ? 1 : 4, split, far});
          if (std::find(all.begin(), all.end(), tuning) == all.end()) all.push_back(tuning);
        }
      }
    }
    if (!far) continue;
    for (const int64_t tiles : {28, 56, 168}) {
      all.push_back(from_transposed_winograd({size, 2, tiles, 1, true, false, true}));
    }
  }
  return all;
}
TransposedWinogradConv make_transposed_winograd(const Problem& p, const BlockedLayout& in, const BlockedLayout& out,
                                                const Tuning& t) {
  return {transposed_problem(p), in, out, p.isa, to_transposed_winograd(t), p.threads};
}
TransposedWinogradConv transposed_winograd_packer(const Problem& p, const Tuning& tuning) {
  return make_transposed_winograd(p, packing_layout(p.inputs[0].shape, p, 0), packing_layout(p.outputs[0].shape, p, 0),
                                  tuning);
}
std::string describe_transposed_winograd(const Tuning& tuning) {
  const TransposedWinogradTuning t = to_transposed_winograd(tuning);
  return fmt::format("F({0}x{0},2x2), {1} blocks, {2} tiles, {3} residues{4}{5}{6}", t.size, t.blocks, t.tiles,
                     t.residues, t.split_channels ? ", channels split" : "", t.prefetch_weights ? ", prefetch" : "",
                     t.fresh_weights ? ", weights transformed in the run" : "");
}

}  // namespace

namespace tactics {

constinit const Tactic conv_winograd{
    .name = "conv_winograd",
    .declines = decline_winograd,
    .formats = blocked_formats,
    .tunings = winograd_tunings,
    .cost = winograd_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_winograd(p, in_layout(l), out_layout(l), t)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return winograd_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, winograd_packer(p, t), to); },
    .packed_by = 0b1100011,
    .halo = winograd_halo,
    .in_place = residual_place,
    .approximates = true,
    .rows = winograd_rows,
    .describe = describe_winograd,
};

constinit const Tactic conv_transposed_winograd{
    .name = "conv_transposed_winograd",
    .declines = decline_transposed_winograd,
    .formats = blocked_formats,
    .tunings = transposed_winograd_tunings,
    .cost = transposed_winograd_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_transposed_winograd(p, in_layout(l), out_layout(l), t)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return transposed_winograd_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, transposed_winograd_packer(p, t), to); },
    .packed_by = 0b1001011,
    .halo = transposed_winograd_halo,
    .in_place = residual_place,
    .approximates = true,
    .describe = describe_transposed_winograd,
};

}  // namespace tactics
}  // namespace kiln
