#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "passes/match.hpp"
#include "passes/optimize.hpp"
#include "runtime/context.hpp"

namespace kiln {

/// A model that is written down node by node: add("Relu", {"x"}, {"y"}).
struct ModelBuilder {
  ModelDef model;

  explicit ModelBuilder(int64_t opset = 21) {
    model.ir_version = 10;
    model.opset_imports[""] = opset;
    model.graph.name = "g";
  }
  void input(const std::string& name, SymShape shape, DType dtype = DType::f32) {
    model.graph.inputs.push_back(model.graph.add_value(name, Type::tensor(dtype, std::move(shape))));
  }
  void output(const std::string& name) { model.graph.outputs.push_back(model.graph.value_named(name)); }
  void constant(const std::string& name, Tensor tensor) {
    model.graph.initializers.push_back({.value = model.graph.value_named(name), .tensor = std::move(tensor)});
  }
  void scalar(const std::string& name, float value) { constant(name, Tensor::scalar(value)); }
  void ints(const std::string& name, const std::vector<int64_t>& values) { constant(name, Tensor::vector(values)); }
  Node& add(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
            std::vector<Attribute> attributes = {}) {
    Node node;
    node.op_type = op;
    node.attributes = std::move(attributes);
    for (const std::string& name : inputs) node.inputs.push_back(model.graph.value_named(name));
    for (const std::string& name : outputs) node.outputs.push_back(model.graph.value_named(name));
    model.graph.nodes.push_back(std::move(node));
    return model.graph.nodes.back();
  }
};

inline Tensor ramp(Shape shape, float scale = 1, float offset = 0) {
  Tensor tensor(DType::f32, std::move(shape));
  float* to = tensor.mutable_data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i) to[i] = std::sin(0.7f * static_cast<float>(i)) * scale + offset;
  return tensor;
}

inline std::vector<Tensor> run(const ModelDef& model, const Tensor& x) {
  Context context(EngineDef::create(model));
  const Feed feeds[] = {{"x", x}};
  std::vector<size_t> outputs;
  for (size_t i = 0; i < model.graph.outputs.size(); ++i) outputs.push_back(i);
  std::vector<Tensor> results;
  for (const Value& value : context.run(feeds, outputs)) results.push_back(value.tensor());
  return results;
}

inline void expect_same_answers(const ModelDef& before, const ModelDef& after, const Tensor& x, float tolerance) {
  const std::vector<Tensor> want = run(before, x), got = run(after, x);
  ASSERT_EQ(want.size(), got.size());
  for (size_t k = 0; k < want.size(); ++k) {
    ASSERT_EQ(want[k].shape(), got[k].shape());
    ASSERT_EQ(want[k].dtype(), got[k].dtype());
    if (want[k].dtype() != DType::f32) {
      EXPECT_TRUE(equal_bits(want[k], got[k]));
      continue;
    }
    for (int64_t i = 0; i < want[k].size(); ++i) {
      EXPECT_NEAR(want[k].data<float>()[i], got[k].data<float>()[i], tolerance) << "output " << k << ", element " << i;
    }
  }
}

/// The operators that are left, in their order, after all passes; the answer must be what it was.
inline std::vector<std::string> operators_after(const ModelBuilder& builder, const Tensor& x, float tolerance = 0,
                                                const OptimizeOptions& options = {}) {
  ModelDef after = builder.model;
  optimize(after, options);
  expect_same_answers(builder.model, after, x, tolerance);
  std::vector<std::string> names;
  for (const Node& node : after.graph.nodes) names.push_back(node.op_type);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace kiln
