#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/conv/depthwise.hpp"
#include "kernels/conv/direct.hpp"
#include "kernels/conv/first.hpp"
#include "kernels/conv/narrow_transposed.hpp"
#include "kernels/conv/transposed_winograd.hpp"
#include "kernels/conv/winograd.hpp"
#include "ops/support/window_shape.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/tactics.hpp"
#include "tactics/tile_tuning.hpp"

namespace kiln {
namespace {

constexpr uint32_t weights_and_bias = 0b110;

/// Leaves the rows of a band: rows that it lacks above and below are padding, as at the borders of the whole.
void cut_rows(ConvProblem& c, const RowBand& band) {
  c.pad_top = band.in_first - (band.out_first * c.stride_h - c.pad_top);
  c.height = band.in_rows;
  c.pad_bottom = std::max<int64_t>(0, (band.out_rows - 1) * c.stride_h + c.span_h() - c.pad_top - c.height);
}
void cut_transposed_rows(ConvProblem& c, const RowBand& band) {
  c.pad_top = band.out_first + c.pad_top - band.in_first * c.stride_h;
  c.height = band.in_rows;
  const int64_t more = (c.height - 1) * c.stride_h + c.span_h() - c.pad_top - band.out_rows;
  c.pad_bottom = std::max<int64_t>(0, more), c.output_pad_h = std::max<int64_t>(0, -more);
}

/// The window of a convolution over images, and the rest of its problem. Only for problems that decline_common() let
/// pass.
ConvProblem conv_problem(const Problem& p) {
  const NodeView node = p.view();
  const Shape& x = p.inputs[0].shape;
  const Shape& w = p.inputs[1].shape;
  ops::Window window = ops::read_window(node, {w.begin() + 2, w.end()});
  ops::resolve_pads(window, x);
  const bool flat = x.size() == 3;
  const auto high = [&](const std::vector<int64_t>& of, int64_t otherwise) { return flat ? otherwise : of[0]; };
  const auto wide = [](const std::vector<int64_t>& of) { return of.back(); };
  ConvProblem c;
  c.group = node.attr_int("group");
  c.batch = x[0];
  c.channels_in = x[1];
  c.channels_out = w[0];
  c.height = flat ? 1 : x[2];
  c.width = x.back();
  c.kernel_h = high(window.kernel, 1), c.kernel_w = wide(window.kernel);
  c.stride_h = high(window.strides, 1), c.stride_w = wide(window.strides);
  c.dilation_h = high(window.dilations, 1), c.dilation_w = wide(window.dilations);
  c.pad_top = high(window.pads_begin, 0), c.pad_left = wide(window.pads_begin);
  c.pad_bottom = high(window.pads_end, 0), c.pad_right = wide(window.pads_end);
  c.epilogue = p.epilogue();
  if (p.band) cut_rows(c, *p.band);
  return c;
}

/// A transposed convolution; its pads follow from the shape of the output, whatever attribute gave that.
ConvProblem transposed_problem(const Problem& p) {
  const NodeView node = p.view();
  const Shape& x = p.inputs[0].shape;
  const Shape& w = p.inputs[1].shape;
  const size_t axes = x.size() - 2;
  const auto strides = ops::read_window_list(node, "strides", axes, 1, 1);
  const auto dilations = ops::read_window_list(node, "dilations", axes, 1, 1);
  const auto output_pads = ops::read_window_list(node, "output_padding", axes, 0, 0);
  const auto pads = ops::read_window_list(node, "pads", 2 * axes, 0, 0);
  const bool flat = axes == 1;
  ConvProblem c;
  c.group = node.attr_int("group");
  c.batch = x[0];
  c.channels_in = x[1];
  c.channels_out = w[1] * c.group;
  c.height = flat ? 1 : x[2];
  c.width = x.back();
  c.kernel_h = flat ? 1 : w[2], c.kernel_w = w.back();
  c.stride_h = flat ? 1 : strides[0], c.stride_w = strides.back();
  c.dilation_h = flat ? 1 : dilations[0], c.dilation_w = dilations.back();
  c.output_pad_h = flat ? 0 : output_pads[0], c.output_pad_w = output_pads.back();
  c.pad_top = flat ? 0 : pads[0], c.pad_left = pads[axes - 1];
  c.pad_bottom = flat ? 0 : pads[axes], c.pad_right = pads[2 * axes - 1];
  c.epilogue = p.epilogue();
  if (p.band) cut_transposed_rows(c, *p.band);
  return c;
}

std::string decline_common(const Problem& p) {
  const size_t rank = p.inputs[0].shape.size();
  if (!is_f32(p.inputs[0]) || !is_f32(p.outputs[0])) return "not f32";
  if (rank != 3 && rank != 4) return "not one or two spatial axes";
  if (p.inputs[1].constant == nullptr) return "weights that are not constant";
  if (p.has_input(2) && p.inputs[2].constant == nullptr) return "a bias that is not constant";
  for (const Shape* shape : {&p.inputs[0].shape, &p.outputs[0].shape}) {
    if (element_count(*shape) == 0) return "an empty tensor";
  }
  if (p.group->residual >= 0) {
    const TensorSpec& residual = p.inputs[static_cast<size_t>(p.group->residual)];
    if (!is_f32(residual) || residual.shape != p.outputs[0].shape) return "a residual of another shape";
  }
  return "";
}

std::string decline_conv(const Problem& p) {
  if (std::string why = decline_common(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (c.pad_top < 0 || c.pad_left < 0 || c.pad_bottom < 0 || c.pad_right < 0) return "negative pads";
  return "";
}

bool is_depthwise(const ConvProblem& c) { return c.group > 1 && c.group == c.channels_in && c.group == c.channels_out; }

std::string decline_depthwise(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  return is_depthwise(conv_problem(p)) ? "" : "not depthwise";
}

std::string decline_first(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (c.group != 1) return "groups";
  return c.channels_in <= 4 ? "" : "more than 4 input channels";
}

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

std::string decline_direct(const Problem& p) {
  if (std::string why = decline_conv(p); !why.empty()) return why;
  return is_depthwise(conv_problem(p)) ? "depthwise" : "";
}

std::string decline_transposed(const Problem& p) {
  if (std::string why = decline_common(p); !why.empty()) return why;
  const NodeView node = p.view();
  if (node.has_attribute("output_shape")) return "output_shape";
  if (node.attr_string("auto_pad", "NOTSET") != "NOTSET") return "auto_pad";
  for (int64_t pad : node.attr_ints("pads")) {
    if (pad < 0) return "negative pads";
  }
  const ConvProblem c = transposed_problem(p);
  const bool as_said = c.transposed_height() == (p.outputs[0].shape.size() == 3 ? 1 : p.outputs[0].shape[2]) &&
                       c.transposed_width() == p.outputs[0].shape.back();
  return as_said ? "" : "an output of another size";
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

/// Everything blocked but the weights; `first` reads a plain input.
std::vector<Formats> blocked_formats(const Problem& p) {
  return {uniform_formats(p, Format::blocked, weights_and_bias)};
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

int64_t reach(int64_t before, int64_t windows, int64_t stride, int64_t span, int64_t size) {
  return std::max<int64_t>({0, before, (windows - 1) * stride - before + span - size});
}

int64_t conv_halo(const Problem& p, size_t input) {
  if (input != 0) return 0;
  const ConvProblem c = conv_problem(p);
  return std::max(reach(c.pad_top, c.out_height(), c.stride_h, c.span_h(), c.height),
                  reach(c.pad_left, c.out_width(), c.stride_w, c.span_w(), c.width));
}

int64_t winograd_halo(const Problem& p, size_t input) { return input == 0 ? std::min<int64_t>(1, conv_halo(p, 0)) : 0; }

int64_t transposed_halo(const Problem& p, size_t input) {
  if (input != 0) return 0;
  const ConvProblem c = transposed_problem(p);
  // An output pixel reads inputs from (y + pad - span + 1) / stride to (y + pad) / stride.
  const auto side = [](int64_t pad, int64_t span, int64_t stride, int64_t out, int64_t size) {
    const int64_t before = divide_up(std::max<int64_t>(0, span - 1 - pad), stride);
    return std::max(before, (out - 1 + pad) / stride - size + 1);
  };
  return std::max<int64_t>({0, side(c.pad_top, c.span_h(), c.stride_h, c.transposed_height(), c.height),
                            side(c.pad_left, c.span_w(), c.stride_w, c.transposed_width(), c.width)});
}

int64_t transposed_winograd_halo(const Problem& p, size_t input) {
  return std::min<int64_t>(1, transposed_halo(p, input));
}

/// Windows that lie in the padding alone would have no input.
std::optional<RowRule> conv_rows(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  if (p.inputs[0].shape.size() != 4 || c.pad_top >= c.span_h()) return {};
  if ((c.out_height() - 1) * c.stride_h - c.pad_top >= c.height) return {};
  RowRule rule;
  rule.down = c.stride_h, rule.before = c.pad_top, rule.after = c.span_h() - 1 - c.pad_top;
  if (p.group->residual >= 0) rule.aligned = 1u << p.group->residual;
  return rule;
}

std::optional<RowRule> transposed_rows(const Problem& p, const Tuning&) {
  const ConvProblem c = transposed_problem(p);
  const int64_t stride = c.stride_h, span = c.span_h();
  if (p.inputs[0].shape.size() != 4 || span < stride || c.pad_top >= span) return {};
  RowRule rule;
  rule.multiple = rule.up = stride;
  rule.before = (span - 1 - c.pad_top) / stride, rule.after = divide_up(c.pad_top, stride);
  if (p.group->residual >= 0) rule.aligned = 1u << p.group->residual;
  return rule;
}

int64_t pad_to(int64_t count, int64_t block) { return divide_up(count, block) * block; }

double output_pixels(const Problem& p) {
  const Shape& y = p.outputs[0].shape;
  double pixels = static_cast<double>(y[0]);
  for (size_t i = 2; i < y.size(); ++i) pixels *= static_cast<double>(y[i]);
  return pixels;
}

/// What the epilogue adds to a pass over the output.
double epilogue_seconds(const Problem& p) {
  const EpiloguePlan plan(p.epilogue());
  if (!plan.pass) return 0;
  const Activation a = p.epilogue().activation;
  const bool cheap = a == Activation::none || a == Activation::hard_swish || a == Activation::hard_sigmoid ||
                     a == Activation::leaky_relu || a == Activation::clip || a == Activation::relu;
  return arithmetic_seconds(static_cast<double>(element_count(p.outputs[0].shape)) * (cheap ? 6 : 16), p.isa, 1);
}

// ---- direct -------------------------------------------------------------------------------------------------------

double dense_macs(const Problem& p, int64_t channels_in, int64_t channels_out, int64_t group, int64_t taps) {
  const double outs = static_cast<double>(pad_to(channels_out / group, block_of(p.isa)) * group);
  return output_pixels(p) * outs * static_cast<double>(channels_in / group * taps);
}

double direct_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const double macs = dense_macs(p, c.channels_in, c.channels_out, c.group, c.kernel_h * c.kernel_w);
  const double weights = static_cast<double>(element_count(p.inputs[1].shape));
  // Runs of few channels keep the microkernel from getting going.
  const double run = std::min(1.0, 0.3 + 0.1 * static_cast<double>(c.channels_in / c.group));
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
  const int most = static_cast<int>(std::min<int64_t>(4, divide_up(c.channels_out / c.group, block_of(p.isa))));
  for (int blocks = 1; blocks <= most; ++blocks) {
    if (blocks == 1 && most > 1) continue;
    for (const bool outer : {false, true}) {
      if (outer && weights < cache_sizes().l1d) continue;
      for (const int64_t band : {1, 4, 8, 1000}) {
        if (outer && band != best.band) continue;
        TileTuning t = best;
        t.blocks = blocks, t.channels_outer = outer, t.band = band;
        all.push_back(t);
        if (weights > cache_sizes().l2 / 2) {
          t.prefetch_weights = true;
          all.push_back(t);
        }
      }
    }
  }
  return unique_tunings(all);
}

/// Any of the convolutions as a Work.
template <class Kernel>
std::unique_ptr<Work> as_work(const Problem& p, Kernel kernel) {
  return kernel_work(std::move(kernel), [residual = p.group->residual](const WorkPointers& w) -> ConvPointers {
    return {input_floats(w, 0), w.packed, output_floats(w, 0), residual_floats(w, residual)};
  });
}

const BlockedLayout& in_layout(const Layouts& layouts) { return layouts.inputs[0].blocked; }
const BlockedLayout& out_layout(const Layouts& layouts) { return layouts.outputs[0].blocked; }

/// Layouts to make a kernel with that only packs.
BlockedLayout packing_layout(const Shape& shape, const Problem& p, int64_t halo) {
  return blocked_layout(shape, p.isa, halo);
}

template <class Kernel>
void pack_weights(const Problem& p, const Kernel& kernel, float* to) {
  kernel.pack(p.inputs[1].constant->data<float>(), p.has_input(2) ? p.inputs[2].constant->data<float>() : nullptr, to);
}

DirectConv make_direct(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& tuning) {
  return {conv_problem(p), in, out, p.isa, tile_tuning(tuning)};
}
DirectConv direct_packer(const Problem& p, const Tuning& tuning) {
  return make_direct(p, packing_layout(p.inputs[0].shape, p, conv_halo(p, 0)), packing_layout(p.outputs[0].shape, p, 0),
                     tuning);
}

// ---- Winograd -----------------------------------------------------------------------------------------------------

Tuning from_winograd(const WinogradTuning& t) {
  return {{t.size, t.blocks, static_cast<int32_t>(t.tiles), t.split_channels, t.prefetch_weights, t.fresh_weights}};
}
WinogradTuning to_winograd(const Tuning& t) {
  return {t.numbers[0], t.numbers[1], t.numbers[2], t.numbers[3] != 0, t.numbers[4] != 0, t.numbers[5] != 0};
}

/// So many tiles of so many planes; `outs` output channels, a transposed convolution's for each of its residues.
/// `weights`: how many there are for a pair of channels.
double winograd_seconds(const Problem& p, const ConvProblem& c, double tiles, double planes, double outs,
                        double weights, bool split) {
  const int64_t block = block_of(p.isa);
  const double ins = static_cast<double>(pad_to(c.channels_in, block));
  const double products = arithmetic_seconds(tiles * planes * static_cast<double>(c.channels_in) * outs, p.isa, 0.85);
  const double bytes = weights * static_cast<double>(c.channels_in) * outs * 4;
  // Few tiles use each weight only a few times, so that reading them from beyond L2 shows.
  const bool far = bytes > static_cast<double>(cache_sizes().l2) / 2;
  const double reading = far ? weight_seconds(p, bytes) * (split ? 1.0 : 1.2) : 0;
  const double transforms = arithmetic_seconds(tiles * planes * (ins + outs) * 8.5, p.isa, 1);
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
  const double seconds = winograd_seconds(p, c, tiles, planes, outs, t.fresh_weights ? 9 : weights, t.split_channels);
  if (!t.fresh_weights) return seconds;
  const auto batches = static_cast<double>(divide_up(static_cast<int64_t>(tiles), t.tiles));
  return seconds + arithmetic_seconds(batches * weights * static_cast<double>(c.channels_in) * outs * 3.5, p.isa, 1);
}

std::vector<Tuning> winograd_tunings(const Problem& p) {
  const ConvProblem c = conv_problem(p);
  const WinogradTuning best = WinogradConv::default_tuning(c);
  std::vector<Tuning> all{from_winograd(best)};
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
      for (const int64_t tiles : {14, 28, 56}) {
        for (const bool split : {false, true}) {
          if (split && (side > 60 || weights < cache_sizes().l2 / 4)) continue;
          for (const bool prefetch : {false, true}) {
            if (prefetch && weights < cache_sizes().l2 / 4) continue;
            add({size, blocks, tiles, split, prefetch});
          }
        }
      }
    }
    if (weights < cache_sizes().l2 * 2) continue;
    for (const int64_t tiles : {28, 56, 112}) add({size, 2, tiles, true, false, true});
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
  return fmt::format("F({0}x{0},3x3), {1} blocks, {2} tiles{3}{4}{5}", t.size, t.blocks, t.tiles,
                     t.split_channels ? ", channels split" : "", t.prefetch_weights ? ", prefetch" : "",
                     t.fresh_weights ? ", weights transformed in the run" : "");
}

// ---- first layer, depthwise, transposed ---------------------------------------------------------------------------

FirstConv make_first(const Problem& p, const BlockedLayout& out, const Tuning& tuning, int64_t plane = 0) {
  return {conv_problem(p), out, p.isa, tile_tuning(tuning), plane};
}
double first_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const double macs = dense_macs(p, c.channels_in, c.channels_out, 1, c.kernel_h * c.kernel_w);
  return arithmetic_seconds(macs, p.isa, 0.85) + memory_seconds(bytes_moved(p, weights_and_bias)) + epilogue_seconds(p);
}
std::vector<Tuning> first_tunings(const Problem& p) {
  const TileTuning best = FirstConv::default_tuning(conv_problem(p), p.isa);
  std::vector<TileTuning> all{best};
  for (const int blocks : {2, 3, 4}) {
    for (const int64_t band : {4, 8}) {
      TileTuning t = best;
      t.blocks = std::min(blocks, best.blocks), t.band = band;
      all.push_back(t);
    }
  }
  return unique_tunings(all);
}

DepthwiseConv make_depthwise(const Problem& p, const BlockedLayout& in, const BlockedLayout& out, const Tuning& t) {
  return {conv_problem(p), in, out, p.isa, t.numbers[0]};
}
DepthwiseConv depthwise_packer(const Problem& p, const Tuning& tuning) {
  return make_depthwise(p, packing_layout(p.inputs[0].shape, p, conv_halo(p, 0)),
                        packing_layout(p.outputs[0].shape, p, 0), tuning);
}
double depthwise_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  const double macs =
      output_pixels(p) * static_cast<double>(pad_to(c.channels_out, block_of(p.isa)) * c.kernel_h * c.kernel_w);
  const double share = c.out_width() < 8 ? 0.45 : c.out_width() < 16 ? 0.53 : 0.62;
  return arithmetic_seconds(macs, p.isa, share) + memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 +
         epilogue_seconds(p);
}
std::vector<Tuning> depthwise_tunings(const Problem&) { return {Tuning{}, Tuning{{8}}}; }

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
  const double macs = pixels * static_cast<double>(pad_to(c.channels_out, block_of(p.isa)) * (c.channels_in / c.group) *
                                                   c.kernel_h * c.kernel_w);
  return arithmetic_seconds(macs, p.isa, 0.85) + memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 +
         epilogue_seconds(p);
}
std::vector<Tuning> transposed_tunings(const Problem& p) {
  TileTuning best;
  const ConvProblem c = transposed_problem(p);
  best.blocks = best_blocks(tile_table(p.isa), divide_up(c.channels_out / c.group, block_of(p.isa)), c.width);
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

NarrowTransposedConv narrow_packer(const Problem& p) {
  return {transposed_problem(p), packing_layout(p.inputs[0].shape, p, 0), p.isa};
}
double narrow_cost(const Problem& p, const Tuning&) {
  const ConvProblem c = transposed_problem(p);
  const int64_t outs = pad_to(c.channels_out * c.kernel_h * c.kernel_w, block_of(p.isa));
  const double macs = static_cast<double>(c.batch * c.height * c.width * c.channels_in * outs);
  return arithmetic_seconds(macs, p.isa, 0.5) + memory_seconds(bytes_moved(p, weights_and_bias)) * 0.3 +
         epilogue_seconds(p);
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
    .halo = conv_halo,
    .in_place = residual_place,
    .rows = conv_rows,
    .describe = describe_tile_tuning,
};

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
    .halo = winograd_halo,
    .in_place = residual_place,
    .approximates = true,
    .rows = winograd_rows,
    .describe = describe_winograd,
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
    .in_place = residual_place,
    .rows = conv_rows,
    .describe = describe_tile_tuning,
};

constinit const Tactic conv_depthwise{
    .name = "conv_depthwise",
    .declines = decline_depthwise,
    .formats = blocked_formats,
    .tunings = depthwise_tunings,
    .cost = depthwise_cost,
    .prepare = [](const Problem& p, const Layouts& l,
                  const Tuning& t) { return as_work(p, make_depthwise(p, in_layout(l), out_layout(l), t)); },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning& t) { return depthwise_packer(p, t).packed_floats(); },
    .pack = [](const Problem& p, const Tuning& t, float* to) { pack_weights(p, depthwise_packer(p, t), to); },
    .halo = conv_halo,
    .in_place = residual_place,
    .rows = conv_rows,
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
    .cost = narrow_cost,
    .prepare =
        [](const Problem& p, const Layouts& l, const Tuning&) {
          return as_work(p, NarrowTransposedConv(transposed_problem(p), in_layout(l), p.isa));
        },
    .packs = weights_and_bias,
    .packed_floats = [](const Problem& p, const Tuning&) { return narrow_packer(p).packed_floats(); },
    .pack = [](const Problem& p, const Tuning&, float* to) { pack_weights(p, narrow_packer(p), to); },
    .rows = transposed_rows,
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
    .halo = transposed_winograd_halo,
    .in_place = residual_place,
    .approximates = true,
    .describe = describe_transposed_winograd,
};

}  // namespace tactics
}  // namespace kiln
