#include <algorithm>

#include "kernels/norm/channel_norm.hpp"
#include "kernels/norm/layer_norm.hpp"
#include "kernels/norm/local_response_norm.hpp"
#include "kernels/norm/softmax.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/reduction.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/row_problem.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

constexpr uint32_t first_input = 1;
uint32_t in_place_of_input(const Problem&) { return first_input; }

// ---- softmax ------------------------------------------------------------------------------------------------------

/// Up to version 12 all axes from `axis` on are one.
SoftmaxProblem softmax_problem(const Problem& p) {
  const NodeView node = p.view();
  const Shape& x = p.inputs[0].shape;
  const auto rank = static_cast<int64_t>(x.size());
  const int64_t axis = ops::normalize_axis(node.attr_int("axis"), rank);
  const ops::AxisSplit split(x, axis, node.version() < 13 ? rank : axis + 1);
  return {split.outer, split.length, split.inner, p.anchor().op_type == "LogSoftmax"};
}

// ---- layers -------------------------------------------------------------------------------------------------------

LayerNormProblem layer_problem(const Problem& p) {
  const NodeView node = p.view();
  const Shape& x = p.inputs[0].shape;
  const auto rank = static_cast<int64_t>(x.size());
  const int64_t axis = ops::normalize_axis(node.attr_int("axis"), rank);
  LayerNormProblem problem;
  problem.rows = ops::product(x, 0, axis);
  problem.n = ops::product(x, axis, rank);
  problem.epsilon = node.attr_float("epsilon");
  problem.centred = p.anchor().op_type == "LayerNormalization";
  return problem;
}

/// A number for each of the n in a row: the trailing axes of the shape, perhaps with axes of 1 before them.
bool is_row_of(const TensorSpec& parameter, const Shape& x, int64_t n) {
  if (!is_f32(parameter) || element_count(parameter.shape) != n || parameter.shape.size() > x.size()) return false;
  int64_t left = n;
  for (size_t i = 1; left > 1; ++i) {
    const int64_t dim = parameter.shape[parameter.shape.size() - i];
    if (dim != x[x.size() - i]) return false;
    left /= dim;
  }
  return true;
}

std::string decline_layer(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (!is_f32(p.outputs[0])) return "not f32";
  if (p.view().attr_int("stash_type") != static_cast<int64_t>(DType::f32)) return "a stash type that is not f32";
  for (size_t i = 1; i < p.outputs.size(); ++i) {
    if (p.outputs[i].is_given()) return "mean or deviation are asked for";
  }
  const int64_t n = layer_problem(p).n;
  for (size_t i = 1; i < p.inputs.size(); ++i) {
    if (p.has_input(i) && !is_row_of(p.inputs[i], p.inputs[0].shape, n)) return "a scale or bias that is no row";
  }
  return "";
}

LayerNormPointers layer_pointers(const WorkPointers& p, bool has_bias) {
  return {input_floats(p, 0), input_floats(p, 1), has_bias ? input_floats(p, 2) : nullptr, output_floats(p, 0)};
}

std::unique_ptr<Work> prepare_layer(const Problem& p, const Layouts&, const Tuning&) {
  return kernel_work(LayerNorm(layer_problem(p), p.isa), [has_bias = p.has_input(2)](const WorkPointers& pointers) {
    return layer_pointers(pointers, has_bias);
  });
}

// ---- channels -----------------------------------------------------------------------------------------------------

/// Why the parameters are no constants with a number for each channel; "" if they are.
std::string decline_channels(const Problem& p, size_t parameters) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  const Shape& x = p.inputs[0].shape;
  if (x.size() < 2) return "no axis of channels";
  if (!is_f32(p.outputs[0])) return "not f32";
  for (size_t i = 1; i <= parameters; ++i) {
    const TensorSpec& parameter = p.inputs[i];
    if (parameter.constant == nullptr) return "parameters that are not constant";
    if (!is_f32(parameter) || element_count(parameter.shape) != x[1]) return "not an f32 for each channel";
  }
  return "";
}

std::vector<Formats> channel_formats(const Problem& p) {
  if (!is_image(p.inputs[0].shape)) return plain_only(p);
  return {blocked_ends(p), uniform_formats(p, Format::plain)};
}

ChannelNormTensors channel_tensors(const Problem& p, const Layouts& layouts) {
  if (layouts.inputs[0].format == Format::blocked) {
    return {layouts.inputs[0].blocked, layouts.outputs[0].blocked, p.isa};
  }
  const Shape& x = p.inputs[0].shape;
  return {x[0], x[1], ops::product(x, 2, static_cast<int64_t>(x.size()))};
}

/// Tensors of a kernel that only packs.
ChannelNormTensors packing_tensors(const Problem& p) { return {1, element_count(p.inputs[1].shape), 1}; }

ChannelNormPointers channel_pointers(const WorkPointers& p) {
  return {input_floats(p, 0), p.packed, output_floats(p, 0)};
}

const float* constant_floats(const Problem& p, size_t input) { return p.inputs[input].constant->data<float>(); }

std::string decline_batch(const Problem& p) {
  const NodeView node = p.view();
  if (node.attr_int("spatial", 1) != 1) return "statistics of each pixel";
  if (node.version() >= 14 ? node.attr_int("training_mode") != 0
                           : node.version() < 7 && node.attr_int("is_test") == 0) {
    return "training";
  }
  for (size_t i = 1; i < p.outputs.size(); ++i) {
    if (p.outputs[i].is_given()) return "statistics are asked for";
  }
  return decline_channels(p, 4);
}

void pack_batch(const Problem& p, const Tuning&, float* to) {
  BatchNorm(packing_tensors(p), p.isa)
      .pack(constant_floats(p, 1), constant_floats(p, 2), constant_floats(p, 3), constant_floats(p, 4),
            p.view().attr_float("epsilon"), to);
}

std::string decline_group(const Problem& p) {
  if (p.anchor().op_type == "GroupNormalization") {
    const NodeView node = p.view();
    if (node.version() < 21) return "a scale for each group";
    if (node.attr_int("stash_type") != static_cast<int64_t>(DType::f32)) return "a stash type that is not f32";
    const int64_t groups = node.attr_int("num_groups");
    if (groups < 1 || p.inputs[0].shape.size() < 2 || p.inputs[0].shape[1] % groups != 0) return "uneven groups";
  }
  return decline_channels(p, 2);
}

int64_t groups_of(const Problem& p, int64_t channels) {
  return p.anchor().op_type == "InstanceNormalization" ? channels : p.view().attr_int("num_groups");
}

GroupNorm make_group(const Problem& p, const ChannelNormTensors& tensors) {
  return {tensors, groups_of(p, tensors.c), p.view().attr_float("epsilon"), p.isa};
}

// ---- neighbouring channels ----------------------------------------------------------------------------------------

LocalResponseProblem response_problem(const Problem& p) {
  const NodeView node = p.view();
  return {node.attr_int("size"), node.attr_float("alpha"), node.attr_float("beta"), node.attr_float("bias")};
}

std::string decline_response(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (!is_image(p.inputs[0].shape)) return "not one or two spatial axes";
  return LocalResponseNorm::can_do(response_problem(p), p.isa) ? "" : "an unusual power, bias or number of neighbours";
}

}  // namespace

namespace tactics {

constinit const Tactic local_response_norm{
    .name = "local_response_norm",
    .declines = decline_response,
    .formats = [](const Problem& p) { return std::vector{blocked_ends(p)}; },
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 12); },
    .prepare = [](const Problem& p, const Layouts& layouts, const Tuning&) -> std::unique_ptr<Work> {
      return kernel_work(
          LocalResponseNorm(response_problem(p), layouts.inputs[0].blocked, layouts.outputs[0].blocked, p.isa),
          [](const WorkPointers& pointers) {
            return LocalResponsePointers{input_floats(pointers, 0), output_floats(pointers, 0)};
          });
    },
};

constinit const Tactic softmax{
    .name = "softmax",
    .declines = decline_row_problem,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 16); },
    .prepare = [](const Problem& p, const Layouts&, const Tuning&) -> std::unique_ptr<Work> {
      return kernel_work(Softmax(softmax_problem(p), p.isa), [](const WorkPointers& pointers) {
        return SoftmaxPointers{input_floats(pointers, 0), output_floats(pointers, 0)};
      });
    },
    .in_place = in_place_of_input,
};

constinit const Tactic layer_norm{
    .name = "layer_norm",
    .declines = decline_layer,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 4); },
    .prepare = prepare_layer,
    .in_place = in_place_of_input,
};

constinit const Tactic batch_norm{
    .name = "batch_norm",
    .declines = decline_batch,
    .formats = channel_formats,
    .tunings = no_tuning,
    .cost = moving_cost,
    .prepare = [](const Problem& p, const Layouts& layouts, const Tuning&) -> std::unique_ptr<Work> {
      return kernel_work(BatchNorm(channel_tensors(p, layouts), p.isa), channel_pointers);
    },
    .packs = 0b11110,
    .packed_floats = [](const Problem& p,
                        const Tuning&) { return BatchNorm(packing_tensors(p), p.isa).packed_floats(); },
    .pack = pack_batch,
    .in_place = in_place_of_input,
};

constinit const Tactic group_norm{
    .name = "group_norm",
    .declines = decline_group,
    .formats = channel_formats,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 4); },
    .prepare = [](const Problem& p, const Layouts& layouts, const Tuning&) -> std::unique_ptr<Work> {
      return kernel_work(make_group(p, channel_tensors(p, layouts)), channel_pointers);
    },
    .packs = 0b110,
    .packed_floats = [](const Problem& p, const Tuning&) { return make_group(p, packing_tensors(p)).packed_floats(); },
    .pack = [](const Problem& p, const Tuning&,
               float* to) { make_group(p, packing_tensors(p)).pack(constant_floats(p, 1), constant_floats(p, 2), to); },
    .in_place = in_place_of_input,
};

}  // namespace tactics
}  // namespace kiln
