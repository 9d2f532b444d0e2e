#include "runtime/structural.hpp"

#include <algorithm>

#include "graph/captures.hpp"

namespace kiln {
namespace {

std::optional<std::vector<int64_t>> places(const Problem& problem, const std::vector<TensorSpec>& parts,
                                           const TensorSpec& whole, Format format) {
  const auto rank = static_cast<int64_t>(whole.shape.size());
  int64_t axis = problem.view().attr_int("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || whole.dtype == DType::string) return {};
  int64_t outer = 1, inner = static_cast<int64_t>(dtype_size(whole.dtype));
  for (int64_t i = 0; i < axis; ++i) outer *= whole.shape[static_cast<size_t>(i)];
  for (int64_t i = axis + 1; i < rank; ++i) inner *= whole.shape[static_cast<size_t>(i)];
  const int64_t block = block_of(problem.isa);
  if (format == Format::blocked) {
    if (axis != 1 || (rank != 3 && rank != 4) || whole.dtype != DType::f32) return {};
  } else if (outer != 1) {
    return {};
  }
  std::vector<int64_t> offsets;
  int64_t at = 0;
  for (const TensorSpec& part : parts) {
    if (!part.is_given() || static_cast<int64_t>(part.shape.size()) != rank) return {};
    // Only behind the last part may a block of channels be left unfilled.
    if (format == Format::blocked && at % block != 0) return {};
    offsets.push_back(format == Format::blocked ? at / block : at * inner);
    at += part.shape[static_cast<size_t>(axis)];
  }
  return offsets;
}

}  // namespace

std::optional<std::vector<int64_t>> concat_places(const Problem& problem, Format format) {
  return places(problem, problem.inputs, problem.outputs[0], format);
}

std::optional<std::vector<int64_t>> split_places(const Problem& problem, Format format) {
  return places(problem, problem.outputs, problem.inputs[0], format);
}

std::optional<std::vector<int64_t>> split_columns(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t axis = problem.view().attr_int("axis", 0);
  if (rank < 2 || (axis != -1 && axis != rank - 1) || problem.inputs[0].dtype == DType::string) return {};
  if (element_count(shape) == 0) return {};
  std::vector<int64_t> columns;
  int64_t at = 0;
  for (const TensorSpec& part : problem.outputs) {
    if (!part.is_given() || static_cast<int64_t>(part.shape.size()) != rank || part.shape.back() == 0) return {};
    columns.push_back(at);
    at += part.shape.back();
  }
  return columns;
}

namespace {

/// The name around a branch under which it finds what it shows as a value; "" where the value is made in it.
std::string_view shown_name(const Graph& branch, ValueId id) {
  const std::vector<bool> own = defined_values(branch);
  for (size_t steps = 0; id != no_value && steps <= branch.nodes.size(); ++steps) {
    if (!own[static_cast<size_t>(id)]) return branch.name_of(id);
    const auto makes = [&](const Node& node) { return node.outputs.size() == 1 && node.outputs[0] == id; };
    const auto maker = std::find_if(branch.nodes.begin(), branch.nodes.end(), makes);
    if (maker == branch.nodes.end() || !is_view(*maker)) return {};
    id = maker->inputs[0];
  }
  return {};
}

}  // namespace

std::optional<std::vector<ValueId>> shown_values(const Program& program, const Facts& facts, const Node& node) {
  if (node.op_type != "If" || !canonical_domain(node.domain).empty() || !program.model->functions.empty()) return {};
  const Tensor* condition = constant_value(program, facts, node.inputs[0]);
  if (condition == nullptr || condition->dtype() != DType::boolean || condition->size() != 1) return {};
  const Attribute* attribute = node.find_attribute(*condition->data<bool>() ? "then_branch" : "else_branch");
  const auto* branch = attribute ? std::get_if<std::shared_ptr<Graph>>(&attribute->data) : nullptr;
  if (branch == nullptr || !*branch || (*branch)->outputs.size() != node.outputs.size()) return {};
  std::vector<ValueId> shown;
  for (ValueId id : (*branch)->outputs) {
    shown.push_back(program.graph->find_value(shown_name(**branch, id)));
    if (shown.back() == no_value) return {};
  }
  return shown;
}

}  // namespace kiln
