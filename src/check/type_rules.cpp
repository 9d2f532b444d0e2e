#include <fmt/format.h>

#include "base/error.hpp"
#include "check/checker.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln::check {
namespace {

/// The types of one node's inputs and outputs against the constraints of its schema.
class NodeTypes {
 public:
  NodeTypes(const Schema& schema, std::string place, Diagnostics& findings)
      : schema_(schema), place_(std::move(place)), findings_(findings) {}

  void check(const FormalParameter* parameter, std::string_view kind, size_t index, const Type& type) {
    const std::string name = type.onnx_name();
    // A type that is not known to the last part cannot be judged.
    if (!parameter || name.find("unknown") != std::string::npos || name.find("undefined") != std::string::npos) return;
    if (!schema_.allows(*parameter, name)) {
      findings_.error("type-not-allowed", place(kind, index, *parameter),
                      fmt::format("it is {}; {} of version {} takes {}", name, schema_.op->name, schema_.since,
                                  allowed(*parameter)),
                      "A Cast before it may help.");
      return;
    }
    if (!parameter->homogeneous || !schema_.find_constraint(parameter->type)) return;
    const auto [bound, added] = bound_.try_emplace(parameter->type, Bound{name, fmt::format("{} {}", kind, index)});
    if (!added && bound->second.type != name) {
      findings_.error("type-mismatch", place(kind, index, *parameter),
                      fmt::format("it is {}, but {} is {}, and both must be of the same type {}", name,
                                  bound->second.by, bound->second.type, parameter->type),
                      "A Cast before one of them may help.");
    }
  }

 private:
  struct Bound {
    std::string type;
    std::string by;
  };

  std::string place(std::string_view kind, size_t index, const FormalParameter& parameter) const {
    return fmt::format("{}, {} {} ({})", place_, kind, index, parameter.name);
  }

  std::string allowed(const FormalParameter& parameter) const {
    const TypeConstraint* constraint = schema_.find_constraint(parameter.type);
    if (!constraint) return parameter.type;
    std::string text;
    for (const std::string& type : constraint->types) text += (text.empty() ? "" : ", ") + type;
    return text;
  }

  const Schema& schema_;
  std::string place_;
  Diagnostics& findings_;
  std::map<std::string, Bound> bound_;
};

}  // namespace

void check_types(const ModelDef& model, Diagnostics& findings) {
  ShapeInference inference(model, findings);
  inference.set_node_observer([&](const ShapeInference::InferredNode& inferred) {
    const Node& node = inferred.node;
    NodeTypes types(inferred.schema, inferred.place, findings);
    for (size_t i = 0; i < inferred.inputs.size(); ++i) {
      if (inferred.inputs[i]) types.check(inferred.schema.input_at(i), "input", i, inferred.inputs[i]->type);
    }
    for (size_t i = 0; i < inferred.outputs.size(); ++i) {
      if (node.outputs[i] != no_value) types.check(inferred.schema.output_at(i), "output", i, inferred.outputs[i].type);
    }
  });
  try {
    inference.run();
  } catch (const Error& error) {
    findings.error("shape-inference", "model", error.what());
  }
}

}  // namespace kiln::check
