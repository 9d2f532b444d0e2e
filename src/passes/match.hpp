#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "passes/patch.hpp"

/// What several passes ask of nodes and values. Where the answer is not certain, it is "no".
namespace kiln::passes {

/// The version of ai.onnx that the graph is written in; 0 when it names none.
int64_t opset_of(const GraphView& view);

bool is_op(const Node& node, std::string_view op_type);
bool has_input(const Node& node, size_t index);
/// A node with an operator of ai.onnx, with exactly one output that is there, and no graphs of its own.
bool is_plain(const Node& node);

float float_attribute(const Node& node, std::string_view name, float otherwise);
std::string string_attribute(const Node& node, std::string_view name, std::string_view otherwise);
std::vector<int64_t> ints_attribute(const Node& node, std::string_view name);
Attribute int_value(std::string name, int64_t value);
Attribute float_value(std::string name, float value);
Attribute ints_value(std::string name, std::vector<int64_t> values);
void set_attribute(Node& node, Attribute attribute);
void remove_attribute(Node& node, std::string_view name);
/// Both have the same attributes with the same values; graphs are never the same.
bool same_attributes(const Node& a, const Node& b);

Node make_node(std::string op_type, std::vector<ValueId> inputs, ValueId output, const Node& named_after);

DType dtype_of_value(const GraphView& view, ValueId id);
/// Null while the rank is unknown.
const SymShape* shape_of(const GraphView& view, ValueId id);
/// Both shapes are known, and provably the same.
bool same_shape(const GraphView& view, ValueId a, ValueId b);

/// A tensor that is known before any run as it lies in the model's file, maybe not aligned, so that large weights can
/// be looked at without a copy; not defined for everything else. `id` is not no_value.
const Tensor& mapped_tensor(const GraphView& view, ValueId id);
/// A tensor that is known before any run, aligned; nothing (not defined) for everything else.
Tensor known_tensor(const GraphView& view, ValueId id);
/// The elements of a known i32 or i64 tensor.
std::optional<std::vector<int64_t>> known_ints(const GraphView& view, ValueId id);
/// The elements of a known f32 tensor.
std::optional<std::vector<double>> known_floats(const GraphView& view, ValueId id);
/// The only element of a known f32 tensor.
std::optional<double> known_float(const GraphView& view, ValueId id);
/// The only element of a known f32 tensor, where it is `expected` to within f32 rounding.
bool is_known_float(const GraphView& view, ValueId id, double expected);

/// Whether two numbers are the same to within f32 rounding.
bool is_near(double found, double expected);

/// Axes as numbers from 0; nothing where one is out of range or stands twice.
std::optional<std::vector<int64_t>> normal_axes(std::vector<int64_t> axes, int64_t rank);

/// Nodes that patches of one pass already use, so that no two patches touch the same node.
class Claims {
 public:
  explicit Claims(const GraphView& view) : taken_(view.graph().nodes.size(), false) {}
  /// Takes them all, or none where one is taken.
  bool claim(const std::vector<size_t>& nodes);

 private:
  std::vector<bool> taken_;
};

}  // namespace kiln::passes
