#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kiln/tensor.hpp"

namespace kiln {

/// One dim of a shape: a number, a named symbol or expression ("batch", "2*h+1"), or neither: unknown.
struct PortDim {
  int64_t value = -1;  ///< -1 unless it is a number
  std::string symbol;  ///< "" for a number or an unknown dim
};

/// What is known of a tensor before a run.
struct TensorType {
  DType dtype = DType::undefined;
  bool has_shape = false;  ///< whether the rank is known
  std::vector<PortDim> shape = {};
};

class Graph;

/// The graph inside of a node, such as a branch of an If: GraphBuilder::subgraph makes it.
struct Subgraph {
  std::shared_ptr<Graph> graph;
  std::shared_ptr<const void> network;  ///< that it belongs to, and reads values of
};

/// The value of a node's attribute. Operators that a program brings along never see graphs and types in theirs.
using AttributeValue = std::variant<int64_t, float, std::string, Tensor, std::vector<int64_t>, std::vector<float>,
                                    std::vector<std::string>, Subgraph, TensorType>;
using Attributes = std::map<std::string, AttributeValue, std::less<>>;

/// An operator that a program brings along, for nodes of a domain that is not one of ONNX's own.
///
///     kiln::register_op({.domain = "mine", .name = "Twice", .run = [](const kiln::Attributes&, auto inputs) {
///       return std::vector<kiln::Value>{twice(inputs[0]->tensor())};
///     }});
///
/// Its functions may be called from several threads at once. What they throw ends the run, or the load, with an Error
/// that names the node.
struct CustomOp {
  std::string domain, name;
  int version = 1;  ///< of the domain that it came with
  /// Inputs in, outputs out; an input that is left out is null. Inputs are good during the call only.
  std::function<std::vector<Value>(const Attributes& attributes, std::span<const Value* const> inputs)> run;
  /// What the outputs will be, by what is known of the inputs. Without it what follows the node is not planned ahead,
  /// and is slower for it.
  std::function<std::vector<TensorType>(const Attributes& attributes, std::span<const TensorType> inputs)> infer = {};
};

/// Makes an operator known to all models that are loaded from now on, in the place of one of the same name.
void register_op(CustomOp op);

/// Loads a library of custom operators (kiln/plugin.h). It stays until the process ends; twice is once.
void load_plugin(const std::string& path);

}  // namespace kiln
