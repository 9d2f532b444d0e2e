#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/context.hpp"

namespace kiln::test {

inline Attribute attribute(std::string name, AttributeType type, Attribute::Data data) {
  Attribute made;
  made.name = std::move(name);
  made.type = type;
  made.data = std::move(data);
  return made;
}
inline Attribute attribute(std::string name, int64_t value) {
  return attribute(std::move(name), AttributeType::int_, value);
}
inline Attribute attribute(std::string name, Graph graph) {
  return attribute(std::move(name), AttributeType::graph, std::make_shared<Graph>(std::move(graph)));
}

inline Node& add_node(Graph& graph, std::string op, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs, std::vector<Attribute> attributes = {},
                      std::string domain = "") {
  Node node;
  node.op_type = std::move(op);
  node.domain = std::move(domain);
  for (const std::string& name : inputs) node.inputs.push_back(graph.value_named(name));
  for (const std::string& name : outputs) node.outputs.push_back(graph.value_named(name));
  node.attributes = std::move(attributes);
  return graph.nodes.emplace_back(std::move(node));
}

inline void add_input(Graph& graph, const std::string& name, Type type = {}) {
  graph.inputs.push_back(graph.value_named(name));
  ValueInfo& info = graph.values[static_cast<size_t>(graph.inputs.back())];
  info.has_info = type.is_known();
  info.type = std::move(type);
}

inline void add_output(Graph& graph, const std::string& name) { graph.outputs.push_back(graph.value_named(name)); }

inline void add_constant(Graph& graph, const std::string& name, Tensor tensor) {
  Initializer initializer;
  initializer.value = graph.value_named(name);
  initializer.tensor = std::move(tensor);
  graph.initializers.push_back(std::move(initializer));
}

inline ModelDef model_of(Graph graph) {
  ModelDef model;
  model.ir_version = 10;
  model.opset_imports = {{"", 21}, {"local", 1}, {"ai.onnx.preview.training", 1}};
  model.graph = std::move(graph);
  return model;
}

/// Runs a model on these inputs, in their order, and gives all its outputs.
inline std::vector<Value> run(ModelDef model, const std::vector<Value>& inputs, const StepOptions& options = {}) {
  const auto engine = EngineDef::create(std::move(model));
  Context context(engine);
  std::vector<Feed> feeds;
  for (size_t i = 0; i < inputs.size(); ++i) feeds.push_back({engine->inputs()[i].name, inputs[i]});
  std::vector<size_t> outputs;
  for (size_t i = 0; i < engine->outputs().size(); ++i) outputs.push_back(i);
  return context.run(feeds, outputs, options);
}
inline std::vector<Value> run(Graph graph, const std::vector<Value>& inputs, const StepOptions& options = {}) {
  return run(model_of(std::move(graph)), inputs, options);
}

inline float number(const Value& value) { return *value.tensor().data<float>(); }
inline Tensor yes() { return Tensor::scalar<bool>(true); }
inline Tensor no() { return Tensor::scalar<bool>(false); }
inline Tensor scalar(float value) { return Tensor::scalar<float>(value); }

/// What a failing call says; "" when it does not fail.
template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace kiln::test
