#include <algorithm>
#include <cmath>

#include "ops/op.hpp"
#include "ops/support/convolution.hpp"
#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// The window of a Conv over an input whose spatial extents are known, its pads as numbers.
struct KnownWindow {
  ops::Window window;
  std::vector<int64_t> extents, counts;  ///< of the input and of the output, along each spatial axis
};

std::optional<KnownWindow> known_window(const GraphView& view, const Node& conv) {
  const Schema* schema = find_schema("", "Conv", opset_of(view));
  const SymShape *x = shape_of(view, conv.inputs[0]), *w = shape_of(view, conv.inputs[1]);
  if (schema == nullptr || !x || !w || x->size() < 3 || w->size() != x->size()) return {};
  Shape shape{1, 1};
  for (size_t i = 2; i < x->size(); ++i) {
    if (!(*x)[i].is_known() || (*x)[i].value() < 1) return {};
    shape.push_back((*x)[i].value());
  }
  const auto convolution = ops::read_convolution(NodeView(conv, *schema, view.opsets()), *x, *w);
  if (!convolution) return {};
  KnownWindow known{convolution->window, {shape.begin() + 2, shape.end()}, {}};
  ops::resolve_pads(known.window, shape);
  const Shape output = ops::window_output(known.window, shape, 1);
  known.counts.assign(output.begin() + 2, output.end());
  return known;
}

/// Whether any window's tap at this place along an axis lies inside of the input.
bool reads_input(const KnownWindow& known, size_t axis, int64_t tap) {
  const ops::Window& w = known.window;
  const int64_t stride = w.strides[axis], from = tap * w.dilations[axis] - w.pads_begin[axis];
  const int64_t first = from >= 0 ? 0 : (-from + stride - 1) / stride;
  return first < known.counts[axis] && from + first * stride < known.extents[axis];
}

/// The taps [begin, end) that are left along an axis; those before and behind read nothing but padding, which goes
/// with them.
struct Taps {
  int64_t begin, end;
};
Taps taps_left(const KnownWindow& known, size_t axis) {
  const ops::Window& w = known.window;
  const int64_t step = w.dilations[axis];
  Taps taps{0, w.kernel[axis]};
  const auto can_go = [&](int64_t tap, int64_t pad) {
    return taps.end - taps.begin > 1 && pad >= step && !reads_input(known, axis, tap);
  };
  while (can_go(taps.begin, w.pads_begin[axis] - taps.begin * step)) ++taps.begin;
  while (can_go(taps.end - 1, w.pads_end[axis] - (w.kernel[axis] - taps.end) * step)) --taps.end;
  return taps;
}

/// Weights [out, in, taps...] with these taps alone; nothing where another tap's weight times 0 is not 0.
std::optional<Tensor> cut_weights(const Tensor& weights, const std::vector<Taps>& left) {
  Shape shape(weights.shape().begin(), weights.shape().begin() + 2);
  int64_t taps = 1;
  for (size_t axis = 0; axis < left.size(); ++axis) {
    shape.push_back(left[axis].end - left[axis].begin);
    taps *= weights.shape()[axis + 2];
  }
  std::vector<bool> stays(static_cast<size_t>(taps), true);
  for (int64_t tap = 0; tap < taps; ++tap) {
    int64_t rest = tap;
    for (size_t axis = left.size(); axis-- > 0; rest /= weights.shape()[axis + 2]) {
      const int64_t at = rest % weights.shape()[axis + 2];
      if (at < left[axis].begin || at >= left[axis].end) stays[static_cast<size_t>(tap)] = false;
    }
  }
  Tensor cut(DType::f32, std::move(shape));
  const float* from = weights.data<float>();
  float* to = cut.mutable_data<float>();
  for (int64_t i = 0; i < weights.size(); ++i) {
    if (stays[static_cast<size_t>(i % taps)]) {
      *to++ = from[i];
    } else if (!std::isfinite(from[i])) {
      return {};
    }
  }
  return cut;
}

}  // namespace

/// With a large dilation the outer taps of a Conv may lie in the padding for every output: what is left of a 3 x 3
/// kernel with dilation 24 on a picture of 20 x 20 is its middle.
std::vector<Patch> find_idle_taps(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& conv = graph.nodes[i];
    if (!is_plain(conv) || !is_op(conv, "Conv") || !has_input(conv, 0) || !has_input(conv, 1)) continue;
    if (mapped_tensor(view, conv.inputs[1]).dtype() != DType::f32) continue;
    const auto known = known_window(view, conv);
    if (!known) continue;
    std::vector<int64_t> kernel, dilations, begins, ends;
    std::vector<Taps> left;
    for (size_t axis = 0; axis < known->window.axes(); ++axis) {
      const ops::Window& w = known->window;
      const Taps taps = taps_left(*known, axis);
      left.push_back(taps);
      kernel.push_back(taps.end - taps.begin);
      dilations.push_back(kernel.back() == 1 ? 1 : w.dilations[axis]);
      begins.push_back(w.pads_begin[axis] - taps.begin * w.dilations[axis]);
      ends.push_back(w.pads_end[axis] - (w.kernel[axis] - taps.end) * w.dilations[axis]);
    }
    if (kernel == known->window.kernel) continue;
    std::optional<Tensor> weights = cut_weights(known_tensor(view, conv.inputs[1]), left);
    if (!weights) continue;
    Node cut = conv;
    cut.inputs[1] = view.new_value(graph.name_of(conv.inputs[1]) + "_cut");
    remove_attribute(cut, "auto_pad");
    set_attribute(cut, ints_value("kernel_shape", std::move(kernel)));
    set_attribute(cut, ints_value("dilations", std::move(dilations)));
    begins.insert(begins.end(), ends.begin(), ends.end());
    set_attribute(cut, ints_value("pads", std::move(begins)));
    Patch patch{.what = "cut taps that read padding alone off " + conv.describe(i), .remove = {i}};
    patch.constants.push_back({cut.inputs[1], std::move(*weights)});
    patch.add.push_back(std::move(cut));
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
