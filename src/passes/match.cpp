#include "passes/match.hpp"

#include <algorithm>
#include <cmath>

namespace kiln::passes {
namespace {

bool same_attribute(const Attribute& a, const Attribute& b) {
  if (a.name != b.name || a.type != b.type || a.ref_name != b.ref_name) return false;
  if (a.data.index() != b.data.index()) return false;
  return std::visit(
      [&](const auto& data) {
        using T = std::decay_t<decltype(data)>;
        const T& other = std::get<T>(b.data);
        if constexpr (std::is_same_v<T, Tensor>) {
          return equal_bits(data, other);
        } else if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, float> || std::is_same_v<T, std::string> ||
                             std::is_same_v<T, std::vector<int64_t>> || std::is_same_v<T, std::vector<float>> ||
                             std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::monostate>) {
          return data == other;
        } else {
          return false;
        }
      },
      a.data);
}

}  // namespace

int64_t opset_of(const GraphView& view) {
  const auto opset = view.opsets().find("");
  return opset == view.opsets().end() ? 0 : opset->second;
}

bool is_op(const Node& node, std::string_view op_type) { return node.domain.empty() && node.op_type == op_type; }

bool has_input(const Node& node, size_t index) { return index < node.inputs.size() && node.inputs[index] != no_value; }

bool is_plain(const Node& node) {
  if (!node.domain.empty() || node.outputs.size() != 1 || node.outputs[0] == no_value) return false;
  return std::none_of(node.attributes.begin(), node.attributes.end(), [](const Attribute& attribute) {
    return attribute.type == AttributeType::graph || attribute.type == AttributeType::graphs;
  });
}

float float_attribute(const Node& node, std::string_view name, float otherwise) {
  const Attribute* attribute = node.find_attribute(name);
  return attribute && attribute->type == AttributeType::float_ ? std::get<float>(attribute->data) : otherwise;
}

std::string string_attribute(const Node& node, std::string_view name, std::string_view otherwise) {
  const Attribute* attribute = node.find_attribute(name);
  if (!attribute || attribute->type != AttributeType::string) return std::string(otherwise);
  return std::get<std::string>(attribute->data);
}

std::vector<int64_t> ints_attribute(const Node& node, std::string_view name) {
  const Attribute* attribute = node.find_attribute(name);
  if (!attribute || attribute->type != AttributeType::ints) return {};
  return std::get<std::vector<int64_t>>(attribute->data);
}

Attribute int_value(std::string name, int64_t value) {
  return {.name = std::move(name), .type = AttributeType::int_, .data = value, .ref_name = {}, .doc = {}};
}

Attribute float_value(std::string name, float value) {
  return {.name = std::move(name), .type = AttributeType::float_, .data = value, .ref_name = {}, .doc = {}};
}

Attribute ints_value(std::string name, std::vector<int64_t> values) {
  return {.name = std::move(name), .type = AttributeType::ints, .data = std::move(values), .ref_name = {}, .doc = {}};
}

void set_attribute(Node& node, Attribute attribute) {
  remove_attribute(node, attribute.name);
  node.attributes.push_back(std::move(attribute));
}

void remove_attribute(Node& node, std::string_view name) {
  std::erase_if(node.attributes, [&](const Attribute& attribute) { return attribute.name == name; });
}

Node make_node(std::string op_type, std::vector<ValueId> inputs, ValueId output, const Node& named_after) {
  Node node;
  node.name = named_after.name;
  node.op_type = std::move(op_type);
  node.inputs = std::move(inputs);
  node.outputs = {output};
  return node;
}

bool same_attributes(const Node& a, const Node& b) {
  if (a.attributes.size() != b.attributes.size()) return false;
  return std::all_of(a.attributes.begin(), a.attributes.end(), [&](const Attribute& attribute) {
    const Attribute* other = b.find_attribute(attribute.name);
    return other && same_attribute(attribute, *other);
  });
}

DType dtype_of_value(const GraphView& view, ValueId id) {
  if (id == no_value || !view.fact(id).type.is_tensor()) return DType::undefined;
  return view.fact(id).type.dtype;
}

const SymShape* shape_of(const GraphView& view, ValueId id) {
  if (id == no_value || !view.fact(id).type.is_tensor() || !view.fact(id).type.shape) return nullptr;
  return &*view.fact(id).type.shape;
}

bool same_shape(const GraphView& view, ValueId a, ValueId b) {
  const SymShape *x = shape_of(view, a), *y = shape_of(view, b);
  return x && y && *x == *y;
}

const Tensor& mapped_tensor(const GraphView& view, ValueId id) {
  const Tensor* constant = view.constant(id);
  return constant ? *constant : view.fact(id).constant;
}

Tensor known_tensor(const GraphView& view, ValueId id) {
  if (id == no_value) return {};
  const Tensor& tensor = mapped_tensor(view, id);
  return !tensor.defined() || tensor.is_aligned() ? tensor : tensor.clone();
}

std::optional<std::vector<int64_t>> known_ints(const GraphView& view, ValueId id) {
  const Tensor tensor = known_tensor(view, id);
  if (!tensor.defined()) return {};
  if (tensor.dtype() == DType::i64) {
    const auto elements = tensor.elements<int64_t>();
    return std::vector<int64_t>(elements.begin(), elements.end());
  }
  if (tensor.dtype() != DType::i32) return {};
  const auto elements = tensor.elements<int32_t>();
  return std::vector<int64_t>(elements.begin(), elements.end());
}

std::optional<std::vector<double>> known_floats(const GraphView& view, ValueId id) {
  const Tensor tensor = known_tensor(view, id);
  if (tensor.dtype() != DType::f32) return {};
  const auto elements = tensor.elements<float>();
  return std::vector<double>(elements.begin(), elements.end());
}

std::optional<double> known_float(const GraphView& view, ValueId id) {
  if (id == no_value || mapped_tensor(view, id).dtype() != DType::f32 || mapped_tensor(view, id).size() != 1) return {};
  return *known_tensor(view, id).data<float>();
}

bool is_known_float(const GraphView& view, ValueId id, double expected) {
  const std::optional<double> found = known_float(view, id);
  return found && is_near(*found, expected);
}

bool is_near(double found, double expected) { return std::abs(found - expected) <= 1e-6 * std::abs(expected); }

std::optional<std::vector<int64_t>> normal_axes(std::vector<int64_t> axes, int64_t rank) {
  for (int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) return {};
    if (axis < 0) axis += rank;
  }
  std::vector<int64_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return {};
  return axes;
}

bool Claims::claim(const std::vector<size_t>& nodes) {
  for (size_t index : nodes) {
    if (taken_[index]) return false;
  }
  for (size_t index : nodes) taken_[index] = true;
  return true;
}

}  // namespace kiln::passes
