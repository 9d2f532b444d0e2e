#include "tactics/row_problem.hpp"

#include "ops/support/axes.hpp"

namespace kiln {

std::string decline_row_problem(const Problem& p) {
  if (p.nodes.size() != 1) return "fused nodes";
  if (!p.has_input(0) || !is_f32(p.inputs[0])) return "not f32";
  if (element_count(p.inputs[0].shape) == 0 || element_count(p.outputs[0].shape) == 0) return "an empty tensor";
  return "";
}

bool is_image(const Shape& shape) { return shape.size() == 3 || shape.size() == 4; }

std::optional<std::vector<bool>> reduced_axes(const Problem& p) {
  const NodeView node = p.view();
  const Shape& shape = p.inputs[0].shape;
  std::vector<bool> reduced(shape.size(), false);
  if (p.anchor().op_type.starts_with("Global")) {
    for (size_t i = 2; i < shape.size(); ++i) reduced[i] = true;
    return reduced;
  }
  if (p.has_input(1) && p.inputs[1].constant == nullptr) return {};
  const auto axes = p.has_input(1) ? p.inputs[1].constant->elements<int64_t>() : node.attr_ints("axes");
  const bool all = axes.empty() && node.attr_int("noop_with_empty_axes", 0) == 0;
  if (all) reduced.assign(shape.size(), true);
  for (const int64_t axis : ops::normalize_axes(axes, static_cast<int64_t>(shape.size()))) {
    reduced[static_cast<size_t>(axis)] = true;
  }
  return reduced;
}

Formats blocked_ends(const Problem& p) {
  Formats formats = uniform_formats(p, Format::plain);
  formats.inputs[0] = Format::blocked;
  formats.outputs[0] = Format::blocked;
  return formats;
}

std::vector<Tuning> no_tuning(const Problem&) { return {Tuning{}}; }

double moving_cost(const Problem& p, const Tuning&) { return memory_seconds(bytes_moved(p)); }

double element_cost(const Problem& p, double multiply_adds) {
  const double elements = static_cast<double>(element_count(p.inputs[0].shape));
  return arithmetic_seconds(elements * multiply_adds, p.isa, 0.6) + memory_seconds(bytes_moved(p));
}

}  // namespace kiln
