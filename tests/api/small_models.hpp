#pragma once

#include <string>
#include <vector>

#include "formats/onnx/writer.hpp"
#include "graph/graph.hpp"
#include "kiln/kiln.hpp"

/// Tiny models that the tests of the public interfaces run.
namespace kiln::api_test {

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// Builds a model node by node.
struct ModelMaker {
  ModelDef model;

  ModelMaker() {
    model.ir_version = 10;
    model.opset_imports[""] = 21;
    model.producer_name = "kiln tests";
    model.metadata.emplace_back("author", "nobody");
    model.graph.name = "small";
  }
  ModelMaker& input(const std::string& name, Type type) {
    model.graph.inputs.push_back(typed(name, std::move(type)));
    return *this;
  }
  ModelMaker& output(const std::string& name, Type type) {
    model.graph.outputs.push_back(typed(name, std::move(type)));
    return *this;
  }
  ModelMaker& constant(const std::string& name, Tensor tensor) {
    Initializer initializer;
    initializer.value = model.graph.value_named(name);
    initializer.tensor = std::move(tensor);
    model.graph.initializers.push_back(std::move(initializer));
    return *this;
  }
  ModelMaker& node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    Node node;
    node.op_type = op;
    for (const std::string& name : inputs) node.inputs.push_back(model.graph.value_named(name));
    node.outputs.push_back(model.graph.value_named(output));
    model.graph.nodes.push_back(std::move(node));
    return *this;
  }
  std::string onnx() const { return write_onnx(model); }

 private:
  ValueId typed(const std::string& name, Type type) {
    const ValueId id = model.graph.value_named(name);
    ValueInfo& value = model.graph.values[static_cast<size_t>(id)];
    value.type = std::move(type);
    value.has_info = true;
    return id;
  }
};

/// y = x + w, with x [batch,3] and w = [1,2,3].
inline std::string sum_model() {
  return ModelMaker()
      .input("x", Type::tensor(DType::f32, SymShape{Dim::symbol("batch"), 3}))
      .constant("w", Tensor::vector<float>({1, 2, 3}))
      .node("Add", {"x", "w"}, "y")
      .output("y", Type::tensor(DType::f32, SymShape{Dim::symbol("batch"), 3}))
      .onnx();
}

/// both = [a, b], a list of the two texts' concatenation and a.
inline std::string text_model() {
  const Type texts = Type::tensor(DType::string, SymShape{Dim::symbol("n")});
  return ModelMaker()
      .input("a", texts)
      .input("b", texts)
      .node("StringConcat", {"a", "b"}, "joined")
      .node("SequenceConstruct", {"joined", "a"}, "both")
      .output("joined", texts)
      .output("both", Type::sequence(Type::tensor(DType::string)))
      .onnx();
}

}  // namespace kiln::api_test
