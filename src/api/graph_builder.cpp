#include "kiln/graph_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "api/attribute_values.hpp"
#include "api/model_impl.hpp"
#include "api/network.hpp"
#include "base/error.hpp"
#include "base/nearest.hpp"
#include "ops/schema.hpp"

namespace kiln {

const std::string& Var::name() const {
  static const std::string none;
  return network_ ? network_->at(id_).name : none;
}

TensorType Var::type() const { return network_ ? tensor_type(network_->at(id_).fact.type) : TensorType(); }

namespace {

constexpr std::string_view producer = "kiln";
/// Constants up to this size are shown to the rules of operators: they may be shapes.
constexpr int64_t most_known_elements = 1024;

const Schema& newest_schema(std::string_view domain, std::string_view type) {
  if (const Schema* schema = find_schema(domain, type, std::numeric_limits<int64_t>::max())) return *schema;
  std::vector<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    if (op->domain == domain) names.push_back(op->name);
  }
  fail(ErrorCode::invalid_argument, "domain '{}' has no operator '{}'{}", domain.empty() ? "ai.onnx" : domain, type,
       suggestion(names, type));
}

/// Whole numbers stand for floats, too, where the schema wants those, and element types for their numbers.
void convert_attributes(const Schema& schema, Attributes& attributes) {
  for (auto& [name, value] : attributes) {
    const AttributeDef* const known = schema.find_attribute(name);
    if (!known) continue;
    if (const auto* number = std::get_if<int64_t>(&value); number && known->type == AttributeType::float_) {
      value = static_cast<float>(*number);
    } else if (const auto* element = std::get_if<TensorType>(&value); element && known->type == AttributeType::int_) {
      value = static_cast<int64_t>(element->dtype);
    } else if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
      if (known->type == AttributeType::floats) value = std::vector<float>(list->begin(), list->end());
      if (known->type == AttributeType::strings && list->empty()) value = std::vector<std::string>();
    }
  }
}

void check_attributes(const Schema& schema, const Attributes& attributes, bool takes_any) {
  for (const auto& [name, value] : attributes) {
    const AttributeDef* const known = schema.find_attribute(name);
    if (!known && takes_any) continue;
    if (!known) {
      std::vector<std::string_view> names;
      for (const AttributeDef& each : schema.attributes) names.push_back(each.name);
      fail(ErrorCode::invalid_argument, "it has no attribute '{}'{}", name, suggestion(names, name));
    }
    const AttributeType type = make_attribute(name, value).type;
    if (type != known->type) {
      fail(ErrorCode::invalid_argument, "attribute '{}' is of type {}, expected {}", name, attribute_type_name(type),
           attribute_type_name(known->type));
    }
  }
  for (const AttributeDef& known : schema.attributes) {
    if (known.required && !attributes.contains(known.name)) {
      fail(ErrorCode::invalid_argument, "the attribute '{}' ({}) is required", known.name,
           attribute_type_name(known.type));
    }
  }
}

void check_counts(const Schema& schema, size_t inputs, size_t outputs) {
  const auto check = [](std::string_view side, size_t found, size_t least, size_t most) {
    if (found >= least && found <= most) return;
    fail(ErrorCode::invalid_argument, "{} {} are given, expected {} {}", found, side,
         found < least ? "at least" : "at most", found < least ? least : most);
  };
  check("inputs", inputs, schema.min_inputs(), schema.max_inputs());
  check("outputs", outputs, schema.min_outputs(), schema.max_outputs());
}

/// One number for each of the two axes of a picture.
std::vector<int64_t> both(const std::vector<int64_t>& numbers, std::string_view what) {
  if (numbers.size() == 1) return {numbers[0], numbers[0]};
  if (numbers.size() == 2) return numbers;
  fail(ErrorCode::invalid_argument, "{}: {} numbers are given, expected 1 or 2", what, numbers.size());
}

std::vector<int64_t> pads_of(const std::vector<int64_t>& padding) {
  if (padding.size() == 4) return padding;
  std::vector<int64_t> pads = both(padding, "padding");
  pads.insert(pads.end(), pads.begin(), pads.begin() + 2);
  return pads;
}

Attributes window_attributes(const Window& window) {
  return {{"strides", both(window.stride, "stride")},
          {"pads", pads_of(window.padding)},
          {"dilations", both(window.dilation, "dilation")}};
}

std::vector<Var> without_missing(std::vector<Var> inputs) {
  while (!inputs.empty() && !inputs.back().defined()) inputs.pop_back();
  return inputs;
}

}  // namespace

GraphBuilder::GraphBuilder(std::string_view name) : network_(std::make_shared<Var::Network>()) {
  ModelDef& model = network_->model;
  model.ir_version = 10;
  model.producer_name = producer;
  model.producer_version = version();
  model.opset_imports[""] = known_opsets().find("")->second;
  network_->open(name);
}

void GraphBuilder::check(const Var& value) const {
  if (value.network_ != network_) {
    fail(ErrorCode::invalid_argument, "'{}' is a value of another network", value.name());
  }
  network_->check_readable(value.id_);
}

Var GraphBuilder::input(std::string_view name, DType dtype, const std::vector<AxisDim>& shape) {
  if (network_->is_inside()) {
    fail(ErrorCode::invalid_argument, "the input '{}' cannot be added inside of a node", name);
  }
  if (name.empty()) fail(ErrorCode::invalid_argument, "an input needs a name");
  if (network_->by_name.contains(name)) fail(ErrorCode::invalid_argument, "there is a value '{}' already", name);
  TensorType type{.dtype = dtype, .has_shape = true};
  type.shape.assign(shape.begin(), shape.end());
  return var(network_->add_input(name, make_type(type)));
}

Var GraphBuilder::constant(Tensor tensor, std::string_view name) {
  if (!tensor.defined()) fail(ErrorCode::invalid_argument, "a constant needs a tensor");
  Fact fact{.type = Type::tensor(tensor.dtype(), SymShape(tensor.shape().begin(), tensor.shape().end()))};
  if (tensor.size() <= most_known_elements) fact.constant = tensor.is_aligned() ? tensor : tensor.clone();
  const int32_t id = network_->add(network_->unused_name(name.empty() ? "constant:0" : name), std::move(fact));
  network_->graph().initializers.push_back({.value = network_->value_of(id), .tensor = std::move(tensor)});
  return var(id);
}

std::vector<Var> GraphBuilder::ops(std::string_view type, const std::vector<Var>& inputs, const Attributes& attributes,
                                   size_t outputs, std::string_view domain, std::string_view name) {
  Node node{.name = network_->node_name(name.empty() ? type : name),
            .domain = std::string(canonical_domain(domain)),
            .op_type = std::string(type)};
  Attributes values = attributes;
  std::vector<int32_t> ids;
  with_place(
      [&] {
        const Schema& schema = newest_schema(node.domain, type);
        const auto known = known_opsets().find(node.domain);
        network_->model.opset_imports.try_emplace(node.domain,
                                                  known == known_opsets().end() ? schema.since : known->second);
        check_counts(schema, inputs.size(), outputs);
        convert_attributes(schema, values);
        check_attributes(schema, values, schema.attributes.empty() && known == known_opsets().end());
        for (const auto& [key, value] : values) {
          if (const auto* subgraph = std::get_if<Subgraph>(&value)) network_->check_readable(*subgraph);
        }
        for (const Var& input : inputs) {
          if (input.defined()) check(input);
          ids.push_back(input.id_);
        }
      },
      [&] { return node.describe(0); });
  for (const auto& [key, value] : values) node.attributes.push_back(make_attribute(key, value));
  node.inputs.resize(ids.size(), no_value);
  for (size_t i = 0; i < outputs; ++i) node.outputs.push_back(static_cast<ValueId>(i));
  Facts facts = network_->infer(node, ids);
  for (size_t i = 0; i < ids.size(); ++i) node.inputs[i] = ids[i] < 0 ? no_value : network_->value_of(ids[i]);
  std::vector<Var> results;
  for (size_t i = 0; i < outputs; ++i) {
    const std::string made = network_->unused_name(fmt::format("{}:{}", node.name, i));
    results.push_back(var(network_->add(made, std::move(facts[i]))));
    node.outputs[i] = network_->value_of(results.back().id_);
  }
  ++network_->node_uses[std::string(name.empty() ? type : name)];
  network_->graph().nodes.push_back(std::move(node));
  return results;
}

Var GraphBuilder::op(std::string_view type, const std::vector<Var>& inputs, const Attributes& attributes) {
  return ops(type, without_missing(inputs), attributes).front();
}

void GraphBuilder::output(const Var& value, std::string_view name) {
  if (network_->is_inside()) {
    fail(ErrorCode::invalid_argument,
         "an output of the network cannot be added inside of a node: what its function "
         "returns are the results there");
  }
  if (!value.defined()) fail(ErrorCode::invalid_argument, "an output needs a value");
  check(value);
  if (!name.empty() && network_->by_name.contains(name)) {
    fail(ErrorCode::invalid_argument, "there is a value '{}' already", name);
  }
  // A value's own name ends in its number: the output takes the name before that.
  network_->add_output(value.id_,
                       name.empty() ? std::string_view(value.name()).substr(0, value.name().rfind(':')) : name);
}

Model GraphBuilder::model() const { return Model(make_model_impl(network_->finish())); }

Var GraphBuilder::conv2d(const Var& x, const Var& weights, const Var& bias, const Window& window) {
  Attributes attributes = window_attributes(window);
  attributes["group"] = window.groups;
  return op("Conv", {x, weights, bias}, attributes);
}

Var GraphBuilder::conv_transpose2d(const Var& x, const Var& weights, const Var& bias, const Window& window) {
  Attributes attributes = window_attributes(window);
  attributes["group"] = window.groups;
  return op("ConvTranspose", {x, weights, bias}, attributes);
}

Var GraphBuilder::max_pool2d(const Var& x, int64_t size, const Window& window) {
  Attributes attributes = window_attributes(window);
  attributes["kernel_shape"] = std::vector<int64_t>{size, size};
  return op("MaxPool", {x}, attributes);
}

Var GraphBuilder::average_pool2d(const Var& x, int64_t size, const Window& window) {
  Attributes attributes = window_attributes(window);
  attributes["kernel_shape"] = std::vector<int64_t>{size, size};
  return op("AveragePool", {x}, attributes);
}

Var GraphBuilder::linear(const Var& x, const Var& weights, const Var& bias) {
  const Var product = matmul(x, transpose(weights, {1, 0}));
  return bias.defined() ? add(product, bias) : product;
}

Var GraphBuilder::batch_norm(const Var& x, const Var& scale, const Var& bias, const Var& mean, const Var& variance,
                             float epsilon) {
  return op("BatchNormalization", {x, scale, bias, mean, variance}, {{"epsilon", epsilon}});
}

Var GraphBuilder::layer_norm(const Var& x, const Var& scale, const Var& bias, int64_t axis, float epsilon) {
  return op("LayerNormalization", {x, scale, bias}, {{"axis", axis}, {"epsilon", epsilon}});
}

Var GraphBuilder::reshape(const Var& x, const std::vector<int64_t>& shape) {
  return op("Reshape", {x, constant(Tensor::vector(shape), "shape")});
}

}  // namespace kiln
