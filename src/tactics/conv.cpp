#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/conv/depthwise.hpp"
#include "kernels/conv/direct.hpp"
#include "kernels/conv/first.hpp"
#include "kernels/conv/narrow.hpp"
#include "kernels/conv/narrow_transposed.hpp"
#include "kernels/conv/paired_conv.hpp"
#include "kernels/conv/tap_zones.hpp"
#include "tactics/conv_group.hpp"
#include "tactics/tactics.hpp"
#include "tactics/tile_tuning.hpp"

namespace kiln {
namespace {

bool is_depthwise(const ConvProblem& c) { return c.group > 1 && c.group == c.channels_in && c.group == c.channels_out; }

std::string decline_depthwise(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (!is_depthwise(c)) return "not depthwise";
  return p.outputs.size() == 1 || DepthwiseConv::can_have_mean(c.epilogue) ? "" : "means behind a pass";
}

std::string decline_first(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (c.group != 1) return "groups";
  return c.channels_in <= 4 ? "" : "more than 4 input channels";
}

std::string decline_narrow(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (c.group != 1) return "groups";
  if (p.group->residual >= 0) return "a residual";
  if (c.channels_in < block_of(p.isa) / 2) return "few input channels";
  return c.channels_out <= NarrowConv::most_outputs ? "" : "many output channels";
}

std::string decline_direct(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  return is_depthwise(conv_problem(p)) ? "depthwise" : "";
}

std::string decline_narrow_transposed(const Problem& p) {
  if (std::string why = decline_transposed(p); !why.empty()) return why;
  const ConvProblem c = transposed_problem(p);
  if (c.kernel_h != c.stride_h || c.kernel_w != c.stride_w) return "a kernel that is not as large as the strides";
  const bool moved = c.pad_top != 0 || c.pad_left != 0 || c.pad_bottom != 0 || c.pad_right != 0;
  if (moved || c.output_pad_h != 0 || c.output_pad_w != 0) return "pads";
  if (c.dilation_h != 1 || c.dilation_w != 1 || c.group != 1) return "a dilation or groups";
  if (p.group->residual >= 0) return "a residual";
  return c.channels_out < block_of(p.isa) / 2 ? "" : "many output channels";
}

std::vector<Formats> first_formats(const Problem& p) {
  Formats formats = uniform_formats(p, Format::blocked, weights_and_bias);
  formats.inputs[0] = Format::plain;
  return {formats};
}

std::vector<Formats> narrow_formats(const Problem& p) {
  Formats formats = uniform_formats(p, Format::blocked, weights_and_bias);
  formats.outputs[0] = Format::plain;
  return {formats};
}

// ---- direct -------------------------------------------------------------------------------------------------------

double direct_macs(const Problem& p, const ConvProblem& c) {
  const int64_t products = ConvGroups(c, block_of(p.isa)).products() * c.kernel_h * c.kernel_w;
  return output_pixels(p) * static_cast<double>(products);
}

double direct_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const double macs = direct_macs(p, c) * products_left(c);
  const double weights = static_cast<double>(element_count(p.inputs[1].shape));
  // Runs of few channels keep the microkernel from getting going.
  const auto columns = static_cast<double>(pad_to(c.channels_out, block_of(p.isa)) * c.kernel_h * c.kernel_w);
  const double run = std::min(1.0, 0.3 + 0.1 * direct_macs(p, c) / (columns * output_pixels(p)));
  const double arithmetic =
      arithmetic_seconds(macs, p.isa, (c.out_width() < 4 && c.out_height() < 4 ? 0.4 : 0.9) * run);
  const double reading = weight_seconds(p, weights * 4);
  return std::max(arithmetic, reading) + 0.1 * std::min(arithmetic, reading) +
         memory_seconds(bytes_moved(p, weights_and_bias)) * 0.2 + epilogue_seconds(p);
}

std::vector<Tuning> direct_tunings(const Problem& p) {
  const ConvProblem c = conv_problem(p);
  const TileTuning best = DirectConv::default_tuning(c, p.isa);
  std::vector<TileTuning> all{best};
  const int64_t weights = element_count(p.inputs[1].shape) * 4;
  const int most = static_cast<int>(std::min<int64_t>(4, ConvGroups(c, block_of(p.isa)).alike));
  for (int blocks = 1; blocks <= most; ++blocks) {
    if (blocks == 1 && most > 1) continue;
    for (const bool outer : {false, true}) {
      if (outer && weights < cache_sizes().l1d) continue;
      TileTuning t = best;
      t.blocks = blocks, t.channels_outer = outer;
      // Small tiles have their stores out of the way sooner, but read the weights more often.
      const bool shorter = short_rows(blocks) < tile_table(p.isa).rows[blocks];
      if (shorter && !outer && weights < cache_sizes().l2 / 4) t.rows = short_rows(blocks), all.push_back(t);
      t.rows = best.rows;
      for (const int64_t band : {1, 4, 8, 1000}) {
        if (outer && band != best.band) continue;
        t.band = band, t.prefetch_weights = best.prefetch_weights;
        all.push_back(t);
        if (!outer && band == best.band && 4 * element_count(p.inputs[0].shape) > cache_sizes().l2) {
          t.prefetch_input = true;
          all.push_back(t);
          t.prefetch_input = false;
        }
        if (weights > cache_sizes().l2 / 2) {
          t.prefetch_weights = true;
          all.push_back(t);
        }
      }
    }
  }
  return unique_tunings(all);
}

Halo direct_halo(const Problem& p, size_t input) { return input == 0 ? DirectConv::halo(conv_problem(p)) : Halo(); }

DirectConv make_direct(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& tuning) {
  return {conv_problem(p), in, out, p.isa, tile_tuning(tuning)};
}
DirectConv direct_packer(const Problem& p, const Tuning& tuning) {
  return make_direct(p, packing_layout(p.inputs[0].shape, p, direct_halo(p, 0)),
                     packing_layout(p.outputs[0].shape, p, 0), tuning);
}

/// Where parts of the output read rows far apart, a band would read all of the input.
std::optional<RowRule> direct_rows(const Problem& p, const Tuning& t) {
  return products_left(conv_problem(p)) < 1 ? std::nullopt : conv_rows(p, t);
}

// ---- products in pairs --------------------------------------------------------------------------------------------

std::string decline_paired_conv(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  return PairedConv::can_do(conv_problem(p)) ? "" : "no 1 x 1 convolution of many channels";
}

double paired_conv_cost(const Problem& p, const Tuning& tuning) {
  const ConvProblem c = conv_problem(p);
  const double macs = direct_macs(p, c);
  // Making pixels ready and beginning and ending tiles shows where there are few channels.
  const double deep = static_cast<double>(c.channels_in) / static_cast<double>(c.channels_in + 48);
  const double arithmetic = arithmetic_seconds(macs, p.isa, 0.9 * deep * paired_share(p.isa));
  const double reading = weight_seconds(p, static_cast<double>(4 * c.channels_in * c.channels_out));
  // Pixels are made ready: read, written and read again.
  const double copied = 4 * output_pixels(p) * static_cast<double>(c.channels_in);
  const double copying = copied / 15e9 + (tile_tuning(tuning).channels_outer ? 0.5 * memory_seconds(copied) : 0);
  return std::max(arithmetic, reading) + 0.1 * std::min(arithmetic, reading) + copying +
         memory_seconds(bytes_moved(p, weights_and_bias)) * 0.2 + epilogue_seconds(p);
}

std::vector<Tuning> paired_conv_tunings(const Problem& p) {
  const ConvProblem c = conv_problem(p);
  const bool far = 4 * c.channels_in * c.channels_out > cache_sizes().l2 / 2;
  std::vector<TileTuning> all;
  for (const bool outer : {far, !far}) {
    for (const int blocks : {3, 2, 4}) {
      for (const int64_t band : {4, 8}) {
        TileTuning t;
        t.blocks = blocks, t.band = band, t.channels_outer = outer;
        if (outer && band != 4) continue;
        all.push_back(t);
        if (!outer) continue;
        t.prefetch_weights = true;
        all.push_back(t);
      }
    }
  }
  return unique_tunings(all);
}

PairedConv make_paired(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& tuning) {
  return {conv_problem(p), in, out, p.isa, tile_tuning(tuning)};
}
PairedConv paired_packer(const Problem& p, const Tuning& tuning) {
  return make_paired(p, packing_layout(p.inputs[0].shape, p, 0), packing_layout(p.outputs[0].shape, p, 0), tuning);
}

// ---- first layer, depthwise, transposed ---------------------------------------------------------------------------

FirstConv make_first(const Problem& p, const BlockedLayout& out, const Tuning& tuning, int64_t plane = 0) {
  return {conv_problem(p), out, p.isa, tile_tuning(tuning), plane};
}
double first_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const double macs = direct_macs(p, c);
  return arithmetic_seconds(macs, p.isa, 0.85) + memory_seconds(bytes_moved(p, weights_and_bias)) + epilogue_seconds(p);
}
std::vector<Tuning> first_tunings(const Problem& p) {
  const TileTuning best = FirstConv::default_tuning(conv_problem(p), p.isa);
  std::vector<TileTuning> all{best};
  for (const int blocks : {2, 3, 4}) {
    TileTuning t = best;
    t.blocks = std::min(blocks, best.blocks);
    for (const int rows : {short_rows(t.blocks), TileTable::most_rows}) {
      for (const int64_t band : {4, 8}) {
        t.rows = rows, t.band = band;
        all.push_back(t);
      }
    }
  }
  return unique_tunings(all);
}

DepthwiseConv make_depthwise(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& t) {
  return {conv_problem(p), in, out, p.isa, t.numbers[0]};
}
/// With the means of the outputs' images where the group has them as a second output; of a band, with sums of rows.
std::unique_ptr<Work> prepare_depthwise(const Problem& p, const Layouts& l, const Tuning& t) {
  DepthwiseConv kernel = make_depthwise(p, in_layout(l), out_layout(l), t);
  if (p.outputs.size() > 1 && p.band) {
    kernel.add_row_sums();
  } else if (p.outputs.size() > 1) {
    kernel.add_mean(l.outputs[1].blocked);
  }
  return as_work(p, std::move(kernel));
}
std::optional<RowRule> depthwise_rows(const Problem& p, const Tuning& t) {
  std::optional<RowRule> rule = conv_rows(p, t);
  if (rule && p.outputs.size() > 1) rule->mean_output = 1;
  return rule;
}
DepthwiseConv depthwise_packer(const Problem& p, const Tuning& tuning) {
  return make_depthwise(p, packing_layout(p.inputs[0].shape, p, conv_halo(p, 0)),
                        packing_layout(p.outputs[0].shape, p, 0), tuning);
}
double depthwise_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const double macs =
      output_pixels(p) * static_cast<double>(pad_to(c.channels_out, block_of(p.isa)) * c.kernel_h * c.kernel_w);
  // Beginning a line takes as long as some more pixels.
  constexpr double line = 12e-9;
  const double lines = output_pixels(p) / static_cast<double>(c.out_width() * block_of(p.isa)) *
                       static_cast<double>(pad_to(c.channels_out, block_of(p.isa)));
  return arithmetic_seconds(macs, p.isa, 0.9) + lines * line + memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 +
         epilogue_seconds(p);
}
std::vector<Tuning> depthwise_tunings(const Problem&) { return {Tuning{}}; }

TransposedConv make_transposed(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& t) {
  return {transposed_problem(p), in, out, p.isa, tile_tuning(t)};
}
TransposedConv transposed_packer(const Problem& p, const Tuning& tuning) {
  return make_transposed(p, packing_layout(p.inputs[0].shape, p, transposed_halo(p, 0)),
                         packing_layout(p.outputs[0].shape, p, 0), tuning);
}
double transposed_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = transposed_problem(p);
  const double pixels = static_cast<double>(c.batch * c.height * c.width);
  const int64_t products = ConvGroups(c, block_of(p.isa)).products();
  const double macs = pixels * static_cast<double>(products * c.kernel_h * c.kernel_w);
  return arithmetic_seconds(macs, p.isa, 0.85) + memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 +
         epilogue_seconds(p);
}
std::vector<Tuning> transposed_tunings(const Problem& p) {
  TileTuning best;
  const ConvProblem c = transposed_problem(p);
  best.blocks = best_blocks(tile_table(p.isa), ConvGroups(c, block_of(p.isa)).alike, c.width);
  best.channels_outer = element_count(p.inputs[1].shape) * 4 > cache_sizes().l2;
  best.band = best.channels_outer ? 1000 : 4;
  std::vector<TileTuning> all{best};
  for (const int blocks : {2, 3, 4}) {
    for (const bool outer : {false, true}) {
      TileTuning t = best;
      t.blocks = blocks, t.channels_outer = outer, t.band = outer ? 1000 : 2;
      all.push_back(t);
    }
  }
  return unique_tunings(all);
}

NarrowConv narrow_packer(const Problem& p) {
  return {conv_problem(p), packing_layout(p.inputs[0].shape, p, conv_halo(p, 0)), p.isa};
}
double narrow_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const int64_t ins = pad_to(c.channels_in, block_of(p.isa)),
                sums = c.batch * c.out_height() * c.out_width() * c.channels_out;
  const double macs = static_cast<double>(sums * ins * c.kernel_h * c.kernel_w);
  // Adding up the lanes of a sum takes as long as some products of vectors.
  constexpr double adding_up = 12;
  return arithmetic_seconds(macs + static_cast<double>(sums * block_of(p.isa)) * adding_up, p.isa, 0.6) +
         memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 + epilogue_seconds(p);
}

NarrowTransposedConv narrow_transposed_packer(const Problem& p) {
  return {transposed_problem(p), packing_layout(p.inputs[0].shape, p, 0), p.isa};
}
double narrow_transposed_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = transposed_problem(p);
  const int64_t outs = pad_to(c.channels_out * c.kernel_h * c.kernel_w, block_of(p.isa));
  const double macs = static_cast<double>(c.batch * c.height * c.width * c.channels_in * outs);
  return arithmetic_seconds(macs, p.isa, 0.5) + memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 +
         epilogue_seconds(p);
}

}  // namespace

namespace tactics {

constinit const Tactic conv_direct{
    .name = "conv_direct",
    .declines = decline_direct,
    .formats = blocked_formats,
    .tunings = direct_tunings,
    .cost = direct_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_direct(p, in_layout(l), out_layout(l), t)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return direct_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, direct_packer(p, t), to); },
    .packed_by = tile_packed_by,
    .halo = direct_halo,
    .in_place = residual_place,
    .rows = direct_rows,
    .describe = describe_tile_tuning,
};

constinit const Tactic conv_paired{
    .name = "conv_paired",
    .declines = decline_paired_conv,
    .formats = blocked_formats,
    .tunings = paired_conv_tunings,
    .cost = paired_conv_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_paired(p, in_layout(l), out_layout(l), t)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return paired_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, paired_packer(p, t), to); },
    .packed_by = tile_packed_by,
    .in_place = residual_place,
    .approximates = true,
    .rows = conv_rows,
    .describe = describe_tile_tuning,
};

constinit const Tactic conv_first{
    .name = "conv_first",
    .declines = decline_first,
    .formats = first_formats,
    .tunings = first_tunings,
    .cost = first_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_first(p, out_layout(l), t, l.inputs[0].plane)); },
    .packs = weights_and_bias,
    .packed_floats =
        [](const Problem& p, const Tuning& t) {
          return make_first(p, packing_layout(p.outputs[0].shape, p, 0), t).packed_floats();
        },
    .pack = [](const Problem& p, const Tuning& t,
               float* to) { pack_weights(p, make_first(p, packing_layout(p.outputs[0].shape, p, 0), t), to); },
    .packed_by = tile_packed_by,
    .in_place = residual_place,
    .rows = conv_rows,
    .describe = describe_tile_tuning,
};

constinit const Tactic conv_narrow{
    .name = "conv_narrow",
    .declines = decline_narrow,
    .formats = narrow_formats,
    .tunings = [](const Problem&) { return std::vector<Tuning>{Tuning{}}; },
    .cost = narrow_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning&) { return as_work(p, NarrowConv(conv_problem(p), in_layout(l), p.isa)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning&) { return narrow_packer(p).packed_floats(); },
    .pack = [](const Problem& p, const Tuning&, float* to) { pack_weights(p, narrow_packer(p), to); },
    .packed_by = 0,
    .halo = conv_halo,
    .rows = conv_rows,
};

constinit const Tactic conv_depthwise{
    .name = "conv_depthwise",
    .declines = decline_depthwise,
    .formats = blocked_formats,
    .tunings = depthwise_tunings,
    .cost = depthwise_cost,
    .prepare = prepare_depthwise,
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return depthwise_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, depthwise_packer(p, t), to); },
    .packed_by = 0,
    .halo = conv_halo,
    .in_place = residual_place,
    .rows = depthwise_rows,
};

constinit const Tactic conv_transposed{
    .name = "conv_transposed",
    .declines = decline_transposed,
    .formats = blocked_formats,
    .tunings = transposed_tunings,
    .cost = transposed_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_transposed(p, in_layout(l), out_layout(l), t)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return transposed_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, transposed_packer(p, t), to); },
    .packed_by = tile_packed_by,
    .halo = transposed_halo,
    .in_place = residual_place,
    .rows = transposed_rows,
    .describe = describe_tile_tuning,
};

constinit const Tactic conv_transposed_narrow{
    .name = "conv_transposed_narrow",
    .declines = decline_narrow_transposed,
    .formats = narrow_formats,
    .tunings = [](const Problem&) { return std::vector<Tuning>{Tuning{}}; },
    .cost = narrow_transposed_cost,
    .prepare =
        [](const Problem& p, const Layouts& l, const Tuning&) {
          return as_work(p, NarrowTransposedConv(transposed_problem(p), in_layout(l), p.isa));
        },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning&) { return narrow_transposed_packer(p).packed_floats(); },
    .pack = [](const Problem& p, const Tuning&, float* to) { pack_weights(p, narrow_transposed_packer(p), to); },
    .packed_by = 0,
    .rows = transposed_rows,
};

}  // namespace tactics
}  // namespace kiln
