#include "passes/opset_changes.hpp"

#include <algorithm>
#include <cmath>

#include "passes/match.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::passes {

const Fact* KnownGraph::fact(ValueId id) const {
  if (id == no_value) return nullptr;
  const auto slot = static_cast<size_t>(id);
  if (facts && slot < facts->size() && (*facts)[slot].type.is_known()) return &(*facts)[slot];
  if (!outer) return nullptr;
  return outer->fact(outer->graph.find_value(graph.name_of(id)));
}

const SymShape* LiftedNode::shape(size_t input) const {
  const Fact* fact = input < node.inputs.size() ? where.fact(node.inputs[input]) : nullptr;
  return fact && fact->type.is_tensor() && fact->type.shape ? &*fact->type.shape : nullptr;
}

DType LiftedNode::dtype(size_t input) const {
  const Fact* fact = input < node.inputs.size() ? where.fact(node.inputs[input]) : nullptr;
  return fact && fact->type.is_tensor() ? fact->type.dtype : DType::undefined;
}

std::optional<std::vector<int64_t>> LiftedNode::known_ints(size_t input) const {
  const Fact* fact = input < node.inputs.size() ? where.fact(node.inputs[input]) : nullptr;
  if (!fact || !fact->constant.defined()) return {};
  return dispatch(Join<FloatTypes, IntTypes>{}, fact->constant.dtype(), [&]<class T> {
    std::vector<int64_t> values;
    for (const T& element : fact->constant.elements<T>()) {
      values.push_back(static_cast<int64_t>(static_cast<double>(element)));
    }
    return values;
  });
}

ValueId LiftedNode::new_value(std::string_view hint) {
  const std::string& made = node.outputs.empty() ? node.name : where.graph.name_of(node.outputs.front());
  const std::string base = made + "_" + std::string(hint);
  std::string name = base;
  for (int i = 1; where.graph.find_value(name) != no_value; ++i) name = base + "_" + std::to_string(i);
  return where.graph.value_named(name);
}

ValueId LiftedNode::constant(Tensor tensor, std::string_view hint) {
  const ValueId id = new_value(hint);
  Node& made = before.emplace_back(make_node("Constant", {}, id, node));
  made.attributes.push_back(
      {.name = "value", .type = AttributeType::tensor, .data = std::move(tensor), .ref_name = {}, .doc = {}});
  return id;
}

ValueId LiftedNode::constant_ints(const std::vector<int64_t>& values, std::string_view hint) {
  return constant(Tensor::vector(values), hint);
}

ValueId LiftedNode::add_before(std::string op_type, std::vector<ValueId> inputs, std::vector<Attribute> attributes) {
  const ValueId id = new_value(op_type);
  before.push_back(make_node(std::move(op_type), std::move(inputs), id, node));
  before.back().attributes = std::move(attributes);
  return id;
}

void LiftedNode::set_input(size_t index, ValueId id) {
  if (node.inputs.size() <= index) node.inputs.resize(index + 1, no_value);
  node.inputs[index] = id;
}

namespace {

/// Attribute `name`, a list of integers, becomes input `index`; one that is absent stays away.
void move_ints(LiftedNode& l, std::string_view name, size_t index) {
  if (!l.node.find_attribute(name)) return;
  l.set_input(index, l.constant_ints(ints_attribute(l.node, name), name));
  remove_attribute(l.node, name);
}

Tensor number(DType dtype, double value) {
  Tensor tensor(dtype, {});
  dispatch(FloatTypes{}, dtype,
           [&]<class T> { *tensor.mutable_data<T>() = static_cast<T>(static_cast<float>(value)); });
  return tensor;
}

bool is_real(DType dtype) { return dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64; }

template <size_t index>
bool axes_to_input(LiftedNode& l) {
  move_ints(l, "axes", index);
  return true;
}

/// The right side used to be laid along the axes of the left one that begin at `axis`.
bool old_broadcast(LiftedNode& l) {
  const bool broadcasts = int_attribute(l.node, "broadcast", 0) != 0;
  const Attribute* axis = l.node.find_attribute("axis");
  if (broadcasts && axis) {
    const SymShape *a = l.shape(0), *b = l.shape(1);
    if (!a || !b) return false;
    int64_t begin = int_attribute(l.node, "axis", 0);
    if (begin < 0) begin += static_cast<int64_t>(a->size());
    const auto inner = static_cast<int64_t>(b->size());
    const int64_t missing = static_cast<int64_t>(a->size()) - begin - inner;
    if (missing < 0) return false;
    std::vector<int64_t> axes;
    for (int64_t i = 0; i < missing; ++i) axes.push_back(inner + i);
    if (missing > 0) {
      l.node.inputs[1] = l.add_before("Unsqueeze", {l.node.inputs[1], l.constant_ints(axes, "axes")});
    }
  }
  remove_attribute(l.node, "axis");
  remove_attribute(l.node, "broadcast");
  return true;
}

/// A slope for each channel was a plain list.
bool prelu_7(LiftedNode& l) {
  const SymShape *x = l.shape(0), *slope = l.shape(1);
  if (!x || !slope) return false;
  if (slope->size() != 1 || x->size() <= 2 || (*slope)[0] == Dim(1)) return true;
  if (!((*slope)[0] == (*x)[1])) return false;
  std::vector<int64_t> axes;
  for (size_t i = 1; i + 1 < x->size(); ++i) axes.push_back(static_cast<int64_t>(i));
  l.node.inputs[1] = l.add_before("Unsqueeze", {l.node.inputs[1], l.constant_ints(axes, "axes")});
  return true;
}

/// Softmax and its kin saw a matrix [axes before `axis`, axes from it on].
bool softmax_13(LiftedNode& l) {
  int64_t axis = int_attribute(l.node, "axis", 1);
  if (const SymShape* x = l.shape(0)) {
    const auto rank = static_cast<int64_t>(x->size());
    if (axis < 0) axis += rank;
    int64_t last = axis, wide = 0;
    for (int64_t i = axis; i < rank; ++i) {
      if ((*x)[static_cast<size_t>(i)] == Dim(1)) continue;
      last = i;
      ++wide;
    }
    if (axis >= 0 && axis < rank && wide <= 1) {
      set_attribute(l.node, int_value("axis", last));
      return true;
    }
  }
  if (axis == -1) {
    set_attribute(l.node, int_value("axis", -1));
    return true;
  }
  const ValueId x = l.node.inputs[0], y = l.node.outputs[0];
  const ValueId target = l.add_before("Shape", {x});
  l.node.inputs[0] = l.add_before("Flatten", {x}, {int_value("axis", axis)});
  l.node.outputs[0] = l.new_value("flat");
  set_attribute(l.node, int_value("axis", 1));
  l.after.push_back(make_node("Reshape", {l.node.outputs[0], target}, y, l.node));
  // Of a tensor without elements a 0 is a 0.
  l.after.back().attributes.push_back(int_value("allowzero", 1));
  return true;
}

/// Bounds that are not given are none, whatever default the schema of version 6 states.
bool clip_6(LiftedNode& l) {
  for (const char* name : {"min", "max"}) {
    const float bound = name[1] == 'i' ? -INFINITY : INFINITY;
    if (!l.node.find_attribute(name)) set_attribute(l.node, float_value(name, bound));
  }
  return true;
}

bool clip_11(LiftedNode& l) {
  const DType dtype = l.dtype(0);
  if (!is_real(dtype)) return false;
  const float low = float_attribute(l.node, "min", -INFINITY), high = float_attribute(l.node, "max", INFINITY);
  if (std::isfinite(low)) l.set_input(1, l.constant(number(dtype, static_cast<double>(low)), "min"));
  if (std::isfinite(high)) l.set_input(2, l.constant(number(dtype, static_cast<double>(high)), "max"));
  remove_attribute(l.node, "min");
  remove_attribute(l.node, "max");
  return true;
}

bool pad_2(LiftedNode& l) {
  const std::vector<int64_t> pads = ints_attribute(l.node, "paddings");
  remove_attribute(l.node, "paddings");
  set_attribute(l.node, ints_value("pads", pads));
  return true;
}

bool pad_11(LiftedNode& l) {
  const DType dtype = l.dtype(0);
  const float value = float_attribute(l.node, "value", 0);
  move_ints(l, "pads", 1);
  if (value != 0) {
    if (!is_real(dtype)) return false;
    l.set_input(2, l.constant(number(dtype, static_cast<double>(value)), "value"));
  }
  remove_attribute(l.node, "value");
  return true;
}

bool slice_10(LiftedNode& l) {
  move_ints(l, "starts", 1);
  move_ints(l, "ends", 2);
  move_ints(l, "axes", 3);
  return true;
}

bool reshape_5(LiftedNode& l) {
  move_ints(l, "shape", 1);
  return true;
}

bool topk_10(LiftedNode& l) {
  l.set_input(1, l.constant_ints({int_attribute(l.node, "k", 1)}, "k"));
  remove_attribute(l.node, "k");
  return true;
}

bool tile_6(LiftedNode& l) {
  const SymShape* x = l.shape(0);
  const auto tiles = l.known_ints(1), axis = l.known_ints(2);
  if (!x || !tiles || !axis || tiles->size() != 1 || axis->size() != 1) return false;
  const auto axes = normal_axes(*axis, static_cast<int64_t>(x->size()));
  if (!axes) return false;
  std::vector<int64_t> repeats(x->size(), 1);
  repeats[static_cast<size_t>(axes->front())] = tiles->front();
  l.node.inputs = {l.node.inputs[0], l.constant_ints(repeats, "repeats")};
  return true;
}

bool split_2(LiftedNode& l) {
  if (has_input(l.node, 1)) {
    const auto lengths = l.known_ints(1);
    if (!lengths) return false;
    set_attribute(l.node, ints_value("split", *lengths));
  }
  l.node.inputs.resize(1);
  return true;
}

bool split_13(LiftedNode& l) {
  move_ints(l, "split", 1);
  return true;
}

bool split_18(LiftedNode& l) {
  if (!has_input(l.node, 1)) {
    set_attribute(l.node, int_value("num_outputs", static_cast<int64_t>(l.node.outputs.size())));
  }
  return true;
}

bool concat_4(LiftedNode& l) {
  if (!l.node.find_attribute("axis")) set_attribute(l.node, int_value("axis", 1));
  return true;
}

bool cast_6(LiftedNode& l) {
  std::string name = string_attribute(l.node, "to", "");
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const DType to = dtype_from_name(name);
  if (to == DType::undefined) return false;
  set_attribute(l.node, int_value("to", static_cast<int64_t>(to)));
  return true;
}

/// Only inference is carried over: a node that trains says so in other ways since.
bool leave_training(LiftedNode& l) {
  if (int_attribute(l.node, "is_test", 0) == 0) return false;
  remove_attribute(l.node, "is_test");
  return true;
}

bool has_one_output(LiftedNode& l) {
  for (size_t i = 1; i < l.node.outputs.size(); ++i) {
    if (l.node.outputs[i] != no_value) return false;
  }
  l.node.outputs.resize(1);
  return true;
}

bool batch_norm_9(LiftedNode& l) {
  if (int_attribute(l.node, "spatial", 1) == 0) return false;
  remove_attribute(l.node, "spatial");
  return true;
}

/// Without training the ratio does nothing.
bool dropout_12(LiftedNode& l) {
  remove_attribute(l.node, "ratio");
  return true;
}

bool drop_broadcast(LiftedNode& l) {
  remove_attribute(l.node, "broadcast");
  return true;
}

bool drop_output_sequence(LiftedNode& l) {
  remove_attribute(l.node, "output_sequence");
  return true;
}

bool whole_p(LiftedNode& l) {
  const float p = float_attribute(l.node, "p", 2.0f);
  if (p != std::floor(p) || p < 1 || p > 1e6f) return false;
  set_attribute(l.node, int_value("p", static_cast<int64_t>(p)));
  return true;
}

bool upsample_7(LiftedNode& l) {
  const std::vector<float> scales{1, 1, float_attribute(l.node, "height_scale", 1),
                                  float_attribute(l.node, "width_scale", 1)};
  remove_attribute(l.node, "height_scale");
  remove_attribute(l.node, "width_scale");
  set_attribute(l.node, {.name = "scales", .type = AttributeType::floats, .data = scales, .ref_name = {}, .doc = {}});
  if (string_attribute(l.node, "mode", "nearest") == "bilinear") {
    set_attribute(
        l.node,
        {.name = "mode", .type = AttributeType::string, .data = std::string("linear"), .ref_name = {}, .doc = {}});
  }
  return true;
}

bool upsample_9(LiftedNode& l) {
  const Attribute* scales = l.node.find_attribute("scales");
  const auto* factors = scales ? std::get_if<std::vector<float>>(&scales->data) : nullptr;
  if (!factors) return false;
  l.set_input(1, l.constant(Tensor::vector(*factors), "scales"));
  remove_attribute(l.node, "scales");
  return true;
}

bool upsample_10(LiftedNode& l) {
  l.node.op_type = "Resize";
  return true;
}

Attribute text_value(std::string name, std::string text) {
  return {.name = std::move(name), .type = AttributeType::string, .data = std::move(text), .ref_name = {}, .doc = {}};
}

/// The scales of a Resize, from what is known or from the Constant that an earlier step put before it.
std::optional<std::vector<float>> scales_of(const LiftedNode& l) {
  const ValueId id = l.node.inputs[1];
  const Fact* fact = l.where.fact(id);
  Tensor tensor = fact ? fact->constant : Tensor();
  for (const Node& helper : l.before) {
    if (helper.outputs.front() == id && is_op(helper, "Constant")) {
      tensor = std::get<Tensor>(helper.find_attribute("value")->data);
    }
  }
  if (tensor.dtype() != DType::f32) return {};
  const auto elements = tensor.elements<float>();
  return std::vector<float>(elements.begin(), elements.end());
}

/// Nearest meant: down where an axis grows and up where it shrinks. Scales with few bits make sure that a place is
/// the same whether it is found in f32 or not.
bool resize_11(LiftedNode& l) {
  if (string_attribute(l.node, "mode", "nearest") == "nearest") {
    const auto scales = scales_of(l);
    if (!scales) return false;
    const auto all = [&](auto&& holds) { return std::all_of(scales->begin(), scales->end(), holds); };
    if (!all([](float s) { return s > 0 && s < 1e4f && s * 256 == std::floor(s * 256); })) return false;
    const bool grows = all([](float s) { return s >= 1; }), shrinks = all([](float s) { return s <= 1; });
    if (!grows && !shrinks) return false;
    set_attribute(l.node, text_value("nearest_mode", grows ? "floor" : "ceil"));
  }
  set_attribute(l.node, text_value("coordinate_transformation_mode", "asymmetric"));
  l.node.inputs = {l.node.inputs[0], no_value, l.node.inputs[1]};
  return true;
}

/// Either the scales or the sizes are given since; before, the scales were there and empty beside sizes.
bool resize_13(LiftedNode& l) {
  if (string_attribute(l.node, "coordinate_transformation_mode", "") == "tf_half_pixel_for_nn") return false;
  if (has_input(l.node, 3)) l.node.inputs[2] = no_value;
  return true;
}

bool dft_20(LiftedNode& l) {
  l.set_input(2, l.constant(Tensor::scalar(int_attribute(l.node, "axis", 1)), "axis"));
  remove_attribute(l.node, "axis");
  return true;
}

bool grid_sample_20(LiftedNode& l) {
  const std::string mode = string_attribute(l.node, "mode", "bilinear");
  set_attribute(l.node, text_value("mode", mode == "bilinear" ? "linear" : mode == "bicubic" ? "cubic" : mode));
  return true;
}

bool roi_align_16(LiftedNode& l) {
  set_attribute(l.node, text_value("coordinate_transformation_mode", "output_half_pixel"));
  return true;
}

bool gru_3(LiftedNode& l) {
  const std::string direction = string_attribute(l.node, "direction", "foward");
  set_attribute(l.node, text_value("direction", direction == "foward" ? "forward" : direction));
  return true;
}

/// Scales and biases of groups become those of their channels.
bool group_norm_21(LiftedNode& l) {
  const SymShape* x = l.shape(0);
  const int64_t groups = int_attribute(l.node, "num_groups", 0);
  if (!x || x->size() < 2 || !(*x)[1].is_known() || groups < 1 || (*x)[1].value() % groups != 0) return false;
  const int64_t channels = (*x)[1].value();
  for (const size_t k : {size_t{1}, size_t{2}}) {
    const ValueId column = l.add_before("Unsqueeze", {l.node.inputs[k], l.constant_ints({1}, "axes")});
    const ValueId spread = l.add_before("Expand", {column, l.constant_ints({groups, channels / groups}, "spread")});
    l.node.inputs[k] = l.add_before("Reshape", {spread, l.constant_ints({channels}, "channels")});
  }
  return true;
}

/// With ceil_mode the last window may no longer start behind the data, in the padding at the end.
bool pool_22(LiftedNode& l) {
  if (int_attribute(l.node, "ceil_mode", 0) == 0) return true;
  const std::string auto_pad = string_attribute(l.node, "auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") return true;
  const std::vector<int64_t> kernel = ints_attribute(l.node, "kernel_shape"), pads = ints_attribute(l.node, "pads");
  const std::vector<int64_t> strides = ints_attribute(l.node, "strides"),
                             dilations = ints_attribute(l.node, "dilations");
  const SymShape* x = l.shape(0);
  for (size_t i = 0; i < kernel.size(); ++i) {
    const bool padded = pads.size() == 2 * kernel.size() && auto_pad == "NOTSET";
    const int64_t begin = padded ? pads[i] : 0, end = padded ? pads[kernel.size() + i] : 0;
    const int64_t stride = i < strides.size() ? strides[i] : 1;
    const int64_t reach = (kernel[i] - 1) * (i < dilations.size() ? dilations[i] : 1) + 1;
    if (reach >= end + stride) continue;
    if (!x || x->size() != kernel.size() + 2 || !(*x)[i + 2].is_known()) return false;
    const int64_t room = (*x)[i + 2].value() + begin + end - reach;
    if (room < 0 || stride < 1) return false;
    if ((room + stride - 1) / stride * stride >= (*x)[i + 2].value() + begin) return false;
  }
  return true;
}

/// An index that was out of range gave the plain value; since, some of these count from the end.
bool one_hot_11(LiftedNode& l) {
  const auto indices = l.known_ints(0);
  return indices && std::all_of(indices->begin(), indices->end(), [](int64_t index) { return index >= 0; });
}

bool scatter_11(LiftedNode& l) {
  l.node.op_type = "ScatterElements";
  return true;
}

bool never(LiftedNode&) { return false; }

/// A mask shorter than the keys was an error and hides them since: it must be certain that this one is not.
bool attention_24(LiftedNode& l) {
  if (!has_input(l.node, 3)) return true;
  const SymShape *mask = l.shape(3), *k = l.shape(1);
  if (!mask || mask->empty() || !k || k->size() < 3) return false;
  Dim keys = k->size() == 4 ? (*k)[2] : (*k)[1];
  if (has_input(l.node, 4)) {
    const SymShape* past = l.shape(4);
    if (!past || past->size() != 4) return false;
    keys = keys + (*past)[2];
  }
  return mask->back() == keys || mask->back() == Dim(1);
}

/// Inputs with an axis of heads may no longer have their number beside it.
bool attention_25(LiftedNode& l) {
  const SymShape* q = l.shape(0);
  const bool stated = l.node.find_attribute("q_num_heads") || l.node.find_attribute("kv_num_heads");
  if (stated && !q) return false;
  if (stated && q->size() == 4) {
    remove_attribute(l.node, "q_num_heads");
    remove_attribute(l.node, "kv_num_heads");
  }
  return !(has_input(l.node, 6) && l.node.outputs.size() > 1);
}

constexpr OpsetChange changes[] = {
    {"Add", 7, old_broadcast},
    {"And", 7, old_broadcast},
    {"Attention", 24, attention_24},
    {"Attention", 25, attention_25},
    {"AveragePool", 22, pool_22},
    {"BatchNormalization", 7, leave_training},
    {"BatchNormalization", 9, batch_norm_9},
    {"BatchNormalization", 14, has_one_output},
    {"Cast", 6, cast_6},
    {"Clip", 6, clip_6},
    {"Clip", 11, clip_11},
    {"Concat", 4, concat_4},
    {"DFT", 20, dft_20},
    {"Div", 7, old_broadcast},
    {"Dropout", 7, leave_training},
    {"Dropout", 10, has_one_output},
    {"Dropout", 12, dropout_12},
    {"Equal", 7, old_broadcast},
    {"GRU", 3, gru_3},
    {"GRU", 7, drop_output_sequence},
    {"Gemm", 7, drop_broadcast},
    {"GlobalLpPool", 2, whole_p},
    {"Greater", 7, old_broadcast},
    {"GridSample", 20, grid_sample_20},
    {"GroupNormalization", 21, group_norm_21},
    {"Hardmax", 13, softmax_13},
    {"LSTM", 7, drop_output_sequence},
    {"Less", 7, old_broadcast},
    {"LogSoftmax", 13, softmax_13},
    {"LpPool", 2, whole_p},
    {"LpPool", 22, pool_22},
    {"MaxPool", 22, pool_22},
    {"Mul", 7, old_broadcast},
    {"OneHot", 11, one_hot_11},
    {"Or", 7, old_broadcast},
    {"PRelu", 7, prelu_7},
    {"Pad", 2, pad_2},
    {"Pad", 11, pad_11},
    {"Pow", 7, old_broadcast},
    {"RNN", 7, drop_output_sequence},
    {"ReduceL1", 18, axes_to_input<1>},
    {"ReduceL2", 18, axes_to_input<1>},
    {"ReduceLogSum", 18, axes_to_input<1>},
    {"ReduceLogSumExp", 18, axes_to_input<1>},
    {"ReduceMax", 18, axes_to_input<1>},
    {"ReduceMean", 18, axes_to_input<1>},
    {"ReduceMin", 18, axes_to_input<1>},
    {"ReduceProd", 18, axes_to_input<1>},
    {"ReduceSum", 13, axes_to_input<1>},
    {"ReduceSumSquare", 18, axes_to_input<1>},
    {"Reshape", 5, reshape_5},
    {"Resize", 11, resize_11},
    {"Resize", 13, resize_13},
    {"RoiAlign", 16, roi_align_16},
    {"Scan", 9, never},
    {"Scatter", 11, scatter_11},
    {"Slice", 10, slice_10},
    {"Softmax", 13, softmax_13},
    {"Split", 2, split_2},
    {"Split", 13, split_13},
    {"Split", 18, split_18},
    {"Squeeze", 13, axes_to_input<1>},
    {"Sub", 7, old_broadcast},
    {"Tile", 6, tile_6},
    {"TopK", 10, topk_10},
    {"Unsqueeze", 13, axes_to_input<1>},
    {"Upsample", 7, upsample_7},
    {"Upsample", 9, upsample_9},
    {"Upsample", 10, upsample_10},
    {"Xor", 7, old_broadcast},
};

}  // namespace

const OpsetChange* find_change(std::string_view op, int since) {
  for (const OpsetChange& change : changes) {
    if (change.op == op && change.since == since) return &change;
  }
  return nullptr;
}

}  // namespace kiln::passes
