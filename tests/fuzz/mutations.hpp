#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/proto_tree.hpp"
#include "graph/graph.hpp"
#include "kiln/tensor.hpp"
#include "ops/schema.hpp"

namespace kiln::fuzz {

/// Chances that are the same for the same seed on every machine.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed * 0x9e3779b97f4a7c15 + 1) {}
  size_t below(size_t count) { return count == 0 ? 0 : static_cast<size_t>(engine_() % count); }
  bool one_in(size_t count) { return below(count) == 0; }
  uint64_t bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// Numbers at which lengths, indices and counts go wrong.
inline uint64_t bad_number(Dice& dice) {
  static constexpr std::array<int64_t, 26> numbers{
      0,   1,   2,   3,    -1,    -2,        4,          7,          8,         16,        31,        63,        64,
      127, 255, 256, 1000, 65536, 100000000, 2147483647, 2147483648, 1LL << 40, 1LL << 62, INT64_MAX, INT64_MIN, -100};
  return dice.one_in(4) ? dice.below(20) : static_cast<uint64_t>(numbers.at(dice.below(numbers.size())));
}

inline void mutate_bytes(std::string& text, Dice& dice) {
  if (text.empty()) {
    text = "x";
    return;
  }
  const size_t at = dice.below(text.size());
  switch (dice.below(6)) {
    case 0: text[at] = static_cast<char>(dice.bits()); break;
    case 1: text[at] = static_cast<char>(text[at] ^ (1 << dice.below(8))); break;
    case 2: text.resize(at); break;
    case 3: text.erase(at, 1 + dice.below(16)); break;
    case 4: text.insert(at, text.substr(dice.below(text.size()), 1 + dice.below(32))); break;
    default: {
      const uint64_t value = bad_number(dice);
      std::memcpy(&text[at], &value, std::min(sizeof value, text.size() - at));
    }
  }
}

/// A field list somewhere in the tree, larger ones no likelier than small ones.
inline std::vector<ProtoField>& pick_list(std::vector<ProtoField>& fields, Dice& dice) {
  std::vector<ProtoField*> inner;
  for (ProtoField& field : fields) {
    if (field.is_message && !field.fields.empty()) inner.push_back(&field);
  }
  if (inner.empty() || dice.one_in(5)) return fields;
  return pick_list(inner[dice.below(inner.size())]->fields, dice);
}

inline void mutate_tree(std::vector<ProtoField>& root, Dice& dice) {
  std::vector<ProtoField>& list = pick_list(root, dice);
  if (list.empty()) return;
  const size_t at = dice.below(list.size());
  ProtoField& field = list[at];
  switch (dice.below(8)) {
    case 0: list.erase(list.begin() + static_cast<std::ptrdiff_t>(at)); return;
    case 1: {
      const ProtoField copy = field;
      list.insert(list.begin() + static_cast<std::ptrdiff_t>(dice.below(list.size() + 1)), copy);
      return;
    }
    case 2: {
      // Something from elsewhere, in the place of this.
      std::vector<ProtoField>& other = pick_list(root, dice);
      if (other.empty()) return;
      const ProtoField copy = other[dice.below(other.size())];
      if (dice.one_in(2)) {
        std::vector<ProtoField>& target = pick_list(root, dice);
        target.push_back(copy);
      } else {
        const uint32_t number = field.number;
        field = copy;
        field.number = number;
      }
      return;
    }
    case 3: field.number = 1 + static_cast<uint32_t>(dice.below(24)); return;
    default: break;
  }
  if (field.wire != 2) {
    field.number_value = dice.one_in(3) ? field.number_value ^ (uint64_t{1} << dice.below(64)) : bad_number(dice);
  } else if (!field.is_message) {
    mutate_bytes(field.bytes, dice);
  } else if (dice.one_in(3) && !field.fields.empty()) {
    std::swap(field.fields[dice.below(field.fields.size())], field.fields[dice.below(field.fields.size())]);
  } else {
    mutate_tree(field.fields, dice);
  }
}

/// One to six changes: mostly to the fields of the message, sometimes to its bytes.
inline std::string mutate_message(const std::string& message, Dice& dice) {
  std::string result = message;
  if (!dice.one_in(5)) {
    if (auto tree = ProtoReader::read(message)) {
      for (size_t count = 1 + dice.below(6); count > 0; --count) mutate_tree(*tree, dice);
      result.clear();
      write_fields(*tree, result);
    }
  }
  if (dice.one_in(5)) {
    for (size_t count = 1 + dice.below(4); count > 0; --count) mutate_bytes(result, dice);
  }
  return result;
}

inline void spoil_float(float& element, Dice& dice) {
  static constexpr std::array<float, 8> values{0.0f, -0.0f, 1e30f, -1e30f, 1e-40f, -1.0f, HUGE_VALF, NAN};
  element = values.at(dice.below(values.size()));
}

inline void spoil_element(Tensor& tensor, size_t at, Dice& dice) {
  if (tensor.dtype() == DType::string) return mutate_bytes(tensor.mutable_data<std::string>()[at], dice);
  if (tensor.dtype() == DType::f32 && dice.one_in(2)) return spoil_float(tensor.mutable_data<float>()[at], dice);
  const size_t size = dtype_size(tensor.dtype());
  auto* const bytes = static_cast<unsigned char*>(tensor.mutable_raw());
  if (tensor.dtype() == DType::boolean) {
    bytes[at] ^= 1;
  } else if (dtype_bits(tensor.dtype()) < 8) {
    // Not every byte is an element of a narrow type: take another element.
    bytes[at] = bytes[dice.below(static_cast<size_t>(tensor.size()))];
  } else {
    const uint64_t number = bad_number(dice), high = number << 48;
    std::memcpy(bytes + at * size, dice.one_in(3) ? &high : &number, std::min(size, sizeof number));
  }
}

/// The same elements over and over in another shape.
inline Tensor reshaped(const Tensor& tensor, Dice& dice) {
  Shape shape = tensor.shape();
  if (dice.one_in(3) || shape.empty()) {
    shape.resize(dice.below(6));
    for (int64_t& dim : shape) dim = static_cast<int64_t>(dice.below(5));
  } else {
    const size_t at = dice.below(shape.size());
    if (dice.one_in(3)) {
      shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (dice.one_in(3)) {
      shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(at), static_cast<int64_t>(dice.below(4)));
    } else {
      shape[at] = static_cast<int64_t>(dice.one_in(3) ? 0 : dice.below(static_cast<size_t>(shape[at]) + 4));
    }
  }
  if (element_count(shape) > 100000) return tensor;
  Tensor result(tensor.dtype(), shape);
  const auto count = static_cast<size_t>(result.size()), had = static_cast<size_t>(tensor.size());
  if (tensor.dtype() == DType::string) {
    for (size_t i = 0; i < count && had > 0; ++i) {
      result.mutable_data<std::string>()[i] = tensor.data<std::string>()[i % had];
    }
    return result;
  }
  const size_t size = dtype_size(tensor.dtype());
  auto* const out = static_cast<unsigned char*>(result.mutable_raw());
  std::fill_n(out, result.bytes(), static_cast<unsigned char>(0));
  for (size_t i = 0; i < count && had > 0; ++i) {
    std::memcpy(out + i * size, static_cast<const unsigned char*>(tensor.raw()) + i % had * size, size);
  }
  return result;
}

inline Value mutate_value(const Value& value, Dice& dice) {
  if (!value.is_tensor()) return value;
  Tensor tensor = dice.one_in(2) ? reshaped(value.tensor(), dice) : value.tensor().clone();
  if (tensor.size() > 0 && !dice.one_in(3)) {
    for (size_t count = 1 + dice.below(4); count > 0; --count) {
      spoil_element(tensor, dice.below(static_cast<size_t>(tensor.size())), dice);
    }
  }
  return tensor;
}

/// Another number, list or text for an attribute, of the same type.
inline void mutate_attribute(Attribute& attribute, Dice& dice) {
  const auto other_int = [&] { return static_cast<int64_t>(bad_number(dice)); };
  if (auto* number = std::get_if<int64_t>(&attribute.data)) *number = other_int();
  if (auto* number = std::get_if<float>(&attribute.data)) spoil_float(*number, dice);
  if (auto* text = std::get_if<std::string>(&attribute.data)) mutate_bytes(*text, dice);
  if (auto* tensor = std::get_if<Tensor>(&attribute.data)) *tensor = mutate_value(*tensor, dice).tensor();
  if (auto* list = std::get_if<std::vector<int64_t>>(&attribute.data)) {
    if (list->empty() || dice.one_in(4)) list->push_back(other_int());
    if (dice.one_in(4)) list->pop_back();
    if (!list->empty()) (*list)[dice.below(list->size())] = other_int();
  }
  if (auto* list = std::get_if<std::vector<float>>(&attribute.data)) {
    if (list->empty() || dice.one_in(4)) list->push_back(1.0f);
    if (dice.one_in(4)) list->pop_back();
    if (!list->empty()) spoil_float((*list)[dice.below(list->size())], dice);
  }
  if (auto* list = std::get_if<std::vector<std::string>>(&attribute.data)) {
    if (list->empty() || dice.one_in(4)) list->emplace_back("x");
    mutate_bytes((*list)[dice.below(list->size())], dice);
  }
}

inline void mutate_node(Node& node, Graph& graph, Dice& dice) {
  const auto any_value = [&] { return static_cast<ValueId>(dice.below(graph.values.size())); };
  switch (dice.below(5)) {
    case 0:
      if (!node.inputs.empty()) node.inputs[dice.below(node.inputs.size())] = dice.one_in(3) ? no_value : any_value();
      break;
    case 1:
      if (dice.one_in(2)) {
        node.inputs.push_back(any_value());
      } else if (!node.inputs.empty()) {
        node.inputs.pop_back();
      }
      break;
    default: break;
  }
  for (Attribute& attribute : node.attributes) {
    if (dice.one_in(2)) mutate_attribute(attribute, dice);
    if (const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.data); inner && *inner) {
      for (Node& each : (*inner)->nodes) {
        if (dice.one_in(2)) mutate_node(each, **inner, dice);
      }
    }
  }
  // Attributes that the node leaves to their defaults get values too.
  const Schema* schema = find_schema(node.domain, node.op_type, 28);
  if (!schema || schema->attributes.empty() || !dice.one_in(3)) return;
  const AttributeDef& definition = schema->attributes[dice.below(schema->attributes.size())];
  if (node.find_attribute(definition.name)) return;
  Attribute added = definition.default_value;
  added.name = definition.name;
  if (definition.type == AttributeType::int_) added.data = int64_t{1};
  if (definition.type == AttributeType::ints) added.data = std::vector<int64_t>{1, 1};
  if (definition.type == AttributeType::floats) added.data = std::vector<float>{1, 1};
  if (std::holds_alternative<std::monostate>(added.data)) return;
  added.type = definition.type;
  mutate_attribute(added, dice);
  node.attributes.push_back(std::move(added));
}

/// Changes what operators read: attributes, initialisers, which value goes where.
inline void mutate_model(ModelDef& model, Dice& dice) {
  Graph& graph = model.graph;
  for (size_t count = 1 + dice.below(3); count > 0; --count) {
    if (!graph.initializers.empty() && dice.one_in(3)) {
      Tensor& tensor = graph.initializers[dice.below(graph.initializers.size())].tensor;
      if (tensor.is_aligned()) tensor = mutate_value(tensor, dice).tensor();
    } else if (!graph.nodes.empty()) {
      mutate_node(graph.nodes[dice.below(graph.nodes.size())], graph, dice);
    }
  }
}

}  // namespace kiln::fuzz
