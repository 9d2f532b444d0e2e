#include "tactics/conv_group.hpp"

#include <algorithm>

#include "ops/support/window_shape.hpp"

namespace kiln {
namespace {

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

int64_t reach(int64_t before, int64_t windows, int64_t stride, int64_t span, int64_t size) {
  return std::max<int64_t>({0, before, (windows - 1) * stride - before + span - size});
}

ConvProblem read_conv(const Problem& p) {
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
  return c;
}

ConvProblem read_transposed(const Problem& p) {
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
  return c;
}

}  // namespace

ConvProblem conv_problem(const Problem& p) {
  if (!p.conv) p.conv = read_conv(p);
  ConvProblem c = *p.conv;
  if (p.band) cut_rows(c, *p.band);
  return c;
}

ConvProblem transposed_problem(const Problem& p) {
  if (!p.conv) p.conv = read_transposed(p);
  ConvProblem c = *p.conv;
  if (p.band) cut_transposed_rows(c, *p.band);
  return c;
}

std::string decline_conv(const Problem& p) {
  if (std::string why = decline_common(p); !why.empty()) return why;
  const ConvProblem c = conv_problem(p);
  if (c.pad_top < 0 || c.pad_left < 0 || c.pad_bottom < 0 || c.pad_right < 0) return "negative pads";
  return "";
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

std::vector<Formats> blocked_formats(const Problem& p) {
  return {uniform_formats(p, Format::blocked, weights_and_bias)};
}

Halo conv_halo(const Problem& p, size_t input) {
  if (input != 0) return {};
  const ConvProblem c = conv_problem(p);
  return {reach(c.pad_top, c.out_height(), c.stride_h, c.span_h(), c.height),
          reach(c.pad_left, c.out_width(), c.stride_w, c.span_w(), c.width)};
}

Halo transposed_halo(const Problem& p, size_t input) {
  if (input != 0) return {};
  const ConvProblem c = transposed_problem(p);
  // An output pixel reads inputs from (y + pad - span + 1) / stride to (y + pad) / stride.
  const auto side = [](int64_t pad, int64_t span, int64_t stride, int64_t out, int64_t size) {
    const int64_t before = divide_up(std::max<int64_t>(0, span - 1 - pad), stride);
    return std::max<int64_t>({0, before, (out - 1 + pad) / stride - size + 1});
  };
  return {side(c.pad_top, c.span_h(), c.stride_h, c.transposed_height(), c.height),
          side(c.pad_left, c.span_w(), c.stride_w, c.transposed_width(), c.width)};
}

std::optional<RowRule> conv_rows(const Problem& p, const Tuning&) {
  const ConvProblem c = conv_problem(p);
  if (p.inputs[0].shape.size() != 4 || c.pad_top >= c.span_h()) return {};
  // Windows that lie in the padding alone would have no input.
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

double output_pixels(const Problem& p) {
  const Shape& y = p.outputs[0].shape;
  double pixels = static_cast<double>(y[0]);
  for (size_t i = 2; i < y.size(); ++i) pixels *= static_cast<double>(y[i]);
  return pixels;
}

double epilogue_seconds(const Problem& p) {
  const EpiloguePlan plan(p.epilogue());
  if (!plan.pass) return 0;
  const Activation a = p.epilogue().activation;
  const bool cheap = a == Activation::none || a == Activation::hard_swish || a == Activation::hard_sigmoid ||
                     a == Activation::scaled_hard_swish || a == Activation::leaky_relu || a == Activation::clip ||
                     a == Activation::relu;
  const double operations = cheap ? 6 : a == Activation::silu || a == Activation::sigmoid ? 12 : 16;
  return arithmetic_seconds(static_cast<double>(element_count(p.outputs[0].shape)) * operations, p.isa, 1);
}

}  // namespace kiln
