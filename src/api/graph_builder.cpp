#include "kiln/graph_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "api/attribute_values.hpp"
#include "api/model_impl.hpp"
#include "base/error.hpp"
#include "base/nearest.hpp"
#include "graph/copy_model.hpp"
#include "ops/schema.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// The network that a builder and its Vars share.
struct Var::Graph {
  ModelDef model;
  Facts facts;                                              ///< of every value so far
  std::map<std::string, int, std::less<>> uses, node_uses;  ///< how often a name was wanted

  std::string unused_name(std::string_view wish) {
    std::string name(wish);
    if (model.graph.find_value(name) == no_value) return name;
    int& used = uses[name];
    while (model.graph.find_value(name) != no_value) name = fmt::format("{}_{}", wish, ++used);
    return name;
  }
  std::string node_name(std::string_view wish) const {
    const auto used = node_uses.find(wish);
    return used == node_uses.end() ? std::string(wish) : fmt::format("{}_{}", wish, used->second);
  }

  ValueId add(std::string_view name, Fact fact) {
    const ValueId id = model.graph.add_value(std::string(name));
    facts.push_back(std::move(fact));
    return id;
  }

  /// What is known of a node's outputs; fails where it breaks a rule of its operator.
  Facts infer(const Node& node) const {
    ModelDef alone;
    alone.opset_imports = model.opset_imports;
    alone.graph.name = model.graph.name;
    Node copy = node;
    std::map<ValueId, Fact> known;
    for (ValueId& input : copy.inputs) {
      if (input == no_value) continue;
      const Fact& fact = facts[static_cast<size_t>(input)];
      const std::string& name = model.graph.name_of(input);
      const bool is_new = alone.graph.find_value(name) == no_value;
      input = alone.graph.add_value(name, fact.type);
      if (is_new) alone.graph.inputs.push_back(input);
      known[input] = fact;
    }
    for (ValueId& output : copy.outputs) output = alone.graph.add_value(fmt::format("{} output {}", node.name, output));
    const std::vector<ValueId> outputs = copy.outputs;
    alone.graph.nodes.push_back(std::move(copy));
    Diagnostics thrown(Diagnostics::Mode::throw_first);
    const Facts all = ShapeInference(alone, thrown).run(known);
    Facts found;
    for (ValueId output : outputs) found.push_back(all[static_cast<size_t>(output)]);
    return found;
  }
};

const std::string& Var::name() const {
  static const std::string none;
  return graph_ ? graph_->model.graph.name_of(id_) : none;
}

TensorType Var::type() const {
  return graph_ ? tensor_type(graph_->facts[static_cast<size_t>(id_)].type) : TensorType();
}

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

/// Whole numbers stand for floats, too, where the schema wants those.
void convert_attributes(const Schema& schema, Attributes& attributes) {
  for (auto& [name, value] : attributes) {
    const AttributeDef* const known = schema.find_attribute(name);
    if (!known) continue;
    if (const auto* number = std::get_if<int64_t>(&value); number && known->type == AttributeType::float_) {
      value = static_cast<float>(*number);
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

GraphBuilder::GraphBuilder(std::string_view name) : graph_(std::make_shared<Var::Graph>()) {
  ModelDef& model = graph_->model;
  model.ir_version = 10;
  model.producer_name = producer;
  model.producer_version = version();
  model.opset_imports[""] = known_opsets().find("")->second;
  model.graph.name = name;
}

Var GraphBuilder::input(std::string_view name, DType dtype, const std::vector<AxisDim>& shape) {
  Graph& graph = graph_->model.graph;
  if (name.empty()) fail(ErrorCode::invalid_argument, "an input needs a name");
  if (graph.find_value(name) != no_value) fail(ErrorCode::invalid_argument, "there is a value '{}' already", name);
  TensorType type{.dtype = dtype, .has_shape = true};
  type.shape.assign(shape.begin(), shape.end());
  const ValueId id = graph_->add(name, {.type = make_type(type)});
  graph.values[static_cast<size_t>(id)].type = make_type(type);
  graph.values[static_cast<size_t>(id)].has_info = true;
  graph.inputs.push_back(id);
  return {graph_, id};
}

Var GraphBuilder::constant(Tensor tensor, std::string_view name) {
  if (!tensor.defined()) fail(ErrorCode::invalid_argument, "a constant needs a tensor");
  Fact fact{.type = Type::tensor(tensor.dtype(), SymShape(tensor.shape().begin(), tensor.shape().end()))};
  if (tensor.size() <= most_known_elements) fact.constant = tensor.is_aligned() ? tensor : tensor.clone();
  const ValueId id = graph_->add(graph_->unused_name(name.empty() ? "constant:0" : name), std::move(fact));
  graph_->model.graph.initializers.push_back({.value = id, .tensor = std::move(tensor)});
  return {graph_, id};
}

std::vector<Var> GraphBuilder::ops(std::string_view type, const std::vector<Var>& inputs, const Attributes& attributes,
                                   size_t outputs, std::string_view domain, std::string_view name) {
  ModelDef& model = graph_->model;
  Node node{.name = graph_->node_name(name.empty() ? type : name),
            .domain = std::string(canonical_domain(domain)),
            .op_type = std::string(type)};
  Attributes values = attributes;
  with_place(
      [&] {
        const Schema& schema = newest_schema(node.domain, type);
        const auto known = known_opsets().find(node.domain);
        model.opset_imports.try_emplace(node.domain, known == known_opsets().end() ? schema.since : known->second);
        check_counts(schema, inputs.size(), outputs);
        convert_attributes(schema, values);
        check_attributes(schema, values, schema.attributes.empty() && known == known_opsets().end());
        for (const Var& input : inputs) {
          if (input.defined() && input.graph_ != graph_) {
            fail(ErrorCode::invalid_argument, "'{}' is a value of another network", input.name());
          }
          node.inputs.push_back(input.id_);
        }
      },
      [&] { return node.describe(0); });
  for (const auto& [key, value] : values) node.attributes.push_back(make_attribute(key, value));
  for (size_t i = 0; i < outputs; ++i) node.outputs.push_back(static_cast<ValueId>(i));
  Facts facts = graph_->infer(node);
  std::vector<Var> results;
  for (size_t i = 0; i < outputs; ++i) {
    node.outputs[i] = graph_->add(graph_->unused_name(fmt::format("{}:{}", node.name, i)), std::move(facts[i]));
    results.push_back({graph_, node.outputs[i]});
  }
  ++graph_->node_uses[std::string(name.empty() ? type : name)];
  model.graph.nodes.push_back(std::move(node));
  return results;
}

Var GraphBuilder::op(std::string_view type, const std::vector<Var>& inputs, const Attributes& attributes) {
  return ops(type, without_missing(inputs), attributes).front();
}

void GraphBuilder::output(const Var& value, std::string_view name) {
  if (!value.defined()) fail(ErrorCode::invalid_argument, "an output needs a value");
  if (value.graph_ != graph_) fail(ErrorCode::invalid_argument, "'{}' is a value of another network", value.name());
  Graph& graph = graph_->model.graph;
  // A value's own name ends in its number: the output takes the name before that.
  const std::string wish(name.empty() ? value.name().substr(0, value.name().rfind(':')) : std::string(name));
  if (!name.empty() && graph.find_value(wish) != no_value) {
    fail(ErrorCode::invalid_argument, "there is a value '{}' already", wish);
  }
  const ValueId id = graph_->add(graph_->unused_name(wish), Fact(graph_->facts[static_cast<size_t>(value.id_)]));
  graph.values[static_cast<size_t>(id)].type = graph_->facts[static_cast<size_t>(id)].type;
  graph.nodes.push_back({.name = wish, .op_type = "Identity", .inputs = {value.id_}, .outputs = {id}});
  graph.outputs.push_back(id);
}

Model GraphBuilder::model() const {
  if (graph_->model.graph.outputs.empty()) fail(ErrorCode::invalid_argument, "the network has no output yet");
  return Model(make_model_impl(copy_model(graph_->model)));
}

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
