#include "passes/all_passes.hpp"
#include "passes/moves.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_scale_per_channel = 21;

/// One number for each channel of a value of this rank, [C, 1, ...] or [1, C, 1, ...].
std::optional<std::vector<double>> per_channel(const GraphView& view, ValueId id, int64_t channels, size_t rank) {
  const Tensor* tensor = view.constant(id);
  const auto numbers = tensor ? known_floats(view, id) : std::nullopt;
  if (!numbers || static_cast<int64_t>(numbers->size()) != channels) return {};
  const size_t after = rank - 2, given = tensor->shape().size();
  if (given <= after || given > rank || tensor->shape()[given - after - 1] != channels) return {};
  return numbers;
}

/// The only reader of `id` if it is `op` with a constant for each channel; null otherwise.
const Node* channel_reader(const GraphView& view, ValueId id, std::string_view op, int64_t channels, size_t rank,
                           std::vector<double>& numbers) {
  const Node* node = view.single_reader_if(id, op);
  if (!node || !is_plain(*node) || node->inputs.size() != 2) return nullptr;
  const auto found = per_channel(view, node->inputs[node->inputs[0] == id ? 1 : 0], channels, rank);
  if (!found) return nullptr;
  numbers = *found;
  return node;
}

Tensor as_list(const std::vector<double>& numbers) {
  Tensor tensor(DType::f32, {static_cast<int64_t>(numbers.size())});
  for (size_t i = 0; i < numbers.size(); ++i) tensor.mutable_data<float>()[i] = static_cast<float>(numbers[i]);
  return tensor;
}

/// `index` is the Reshape behind the InstanceNormalization.
std::optional<Patch> match_group_norm(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  const Node& root = pattern.root();
  const Node* norm = pattern.take(root.inputs[0], "InstanceNormalization");
  if (!norm) return {};
  const Node* inner = view.producer(norm->inputs[0]);
  if (!inner || !is_reshape(*inner) || !pattern.take(norm->inputs[0], inner->op_type)) return {};
  const ValueId x = inner->inputs[0];
  const SymShape *shape = shape_of(view, x), *grouped = shape_of(view, norm->inputs[0]);
  if (!shape || !grouped || shape->size() < 3 || grouped->size() != 3 || !is_f32_tensor(view, x)) return {};
  if (!same_shape(view, x, root.outputs[0]) || !((*shape)[0] == (*grouped)[0])) return {};
  if (!(*shape)[1].is_known() || !(*grouped)[1].is_known()) return {};
  const int64_t channels = (*shape)[1].value(), groups = (*grouped)[1].value();
  const size_t rank = shape->size();
  const auto group_scale = known_floats(view, norm->inputs[1]), group_bias = known_floats(view, norm->inputs[2]);
  if (!group_scale || !group_bias || groups < 1 || channels % groups != 0) return {};
  if (group_scale->size() != static_cast<size_t>(groups) || group_bias->size() != group_scale->size()) return {};

  std::vector<double> scale(static_cast<size_t>(channels), 1), bias(scale.size(), 0);
  const Node* mul = channel_reader(view, root.outputs[0], "Mul", channels, rank, scale);
  const ValueId scaled = mul ? mul->outputs[0] : root.outputs[0];
  const Node* add = channel_reader(view, scaled, "Add", channels, rank, bias);
  for (size_t c = 0; c < scale.size(); ++c) {
    const size_t group = c / static_cast<size_t>(channels / groups);
    bias[c] += scale[c] * (*group_bias)[group];
    scale[c] *= (*group_scale)[group];
  }
  const ValueId y = add ? add->outputs[0] : scaled;
  Node whole = make_node("GroupNormalization", {x}, y, *norm);
  whole.attributes = {float_value("epsilon", float_attribute(*norm, "epsilon", 1e-5f)),
                      int_value("num_groups", groups)};
  auto patch = pattern.replace_by(whole, "GroupNormalization");
  if (!patch) return {};
  const std::string name = view.graph().name_of(y);
  for (const auto& [numbers, hint] : {std::pair{&scale, "_scale"}, std::pair{&bias, "_bias"}}) {
    whole.inputs.push_back(view.new_value(name + hint));
    patch->constants.push_back({whole.inputs.back(), as_list(*numbers)});
  }
  patch->add = {std::move(whole)};
  if (mul) patch->remove.push_back(view.index_of(*mul));
  if (add) patch->remove.push_back(view.index_of(*add));
  return patch;
}

}  // namespace

/// An InstanceNormalization of [N, groups, rest] between two Reshapes, with a factor and an offset for each channel
/// behind it, is a GroupNormalization.
std::vector<Patch> find_group_norms(GraphView& view) {
  if (opset_of(view) < first_with_scale_per_channel) return {};
  return find_patterns(view, [&](size_t index) -> std::optional<Patch> {
    const Node& node = view.graph().nodes[index];
    if (!is_reshape(node) || !has_input(node, 0)) return {};
    return match_group_norm(view, index);
  });
}

}  // namespace kiln::passes
