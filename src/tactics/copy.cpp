#include <algorithm>

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "tactics/box_work.hpp"
#include "tactics/constant_ints.hpp"
#include "tactics/tactics.hpp"

/// Nodes that only move elements about, as copies of boxes.
namespace kiln {
namespace {

int64_t axis_attribute(const Problem& p, int64_t otherwise) {
  return ops::normalize_axis(p.view().attr_int("axis", otherwise), static_cast<int64_t>(p.inputs[0].shape.size()));
}

std::string plan_transpose(const Problem& p, BoxPlan& plan) {
  const Shape& shape = p.inputs[0].shape;
  const auto perm = p.view().attr_ints("perm");
  const size_t rank = shape.size();
  Box box{0, 0, {}};
  for (size_t i = 0; i < rank; ++i) {
    const size_t from = perm.empty() ? rank - 1 - i : static_cast<size_t>(perm[i]);
    box.moves.push_back({shape[from], static_cast<int>(from), 0, 1, static_cast<int>(i), 0, 1});
  }
  plan.boxes.push_back(std::move(box));
  return "";
}

std::string plan_concat(const Problem& p, BoxPlan& plan) {
  const int64_t axis = axis_attribute(p, 1);
  int64_t at = 0;
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    plan.add_whole(p.inputs[i].shape, static_cast<int>(i), 0, static_cast<int>(axis), 0, at);
    at += p.inputs[i].shape[static_cast<size_t>(axis)];
  }
  return "";
}

std::string plan_split(const Problem& p, BoxPlan& plan) {
  const auto axis = static_cast<size_t>(axis_attribute(p, 0));
  int64_t at = 0;
  for (size_t i = 0; i < p.outputs.size(); ++i) {
    // Where one is left out, the next one's place is not known from the shapes.
    if (!p.outputs[i].is_given()) return "an output that is left out";
    plan.add_whole(p.outputs[i].shape, 0, i, static_cast<int>(axis), at, 0);
    at += p.outputs[i].shape[axis];
  }
  return at <= p.inputs[0].shape[axis] ? "" : "lengths that do not fit";
}

/// A step of a slice's axis whose extent, start and end are brought into range.
BoxMove slice_move(int64_t start, int64_t step, int64_t extent, int64_t length, int axis) {
  if (start < 0) start += extent;
  start = std::clamp<int64_t>(start, 0, step > 0 ? extent : std::max<int64_t>(extent - 1, 0));
  return {length, axis, length == 0 ? 0 : start, length > 1 ? step : 1, axis, 0, 1};
}

std::string plan_slice(const Problem& p, BoxPlan& plan) {
  const Shape &from = p.inputs[0].shape, &to = p.outputs[0].shape;
  std::vector<int64_t> starts, axes, steps;
  if (p.schema->since == 1) {
    const auto attribute = p.view().attr_ints("starts"), listed = p.view().attr_ints("axes");
    starts.assign(attribute.begin(), attribute.end());
    axes.assign(listed.begin(), listed.end());
  } else {
    const bool has_axes = p.has_input(3), has_steps = p.has_input(4);
    const auto known = constant_ints(p, 1), listed = constant_ints(p, 3), each = constant_ints(p, 4);
    if (!known || (has_axes && !listed) || (has_steps && !each)) return "starts, axes or steps known only in a run";
    starts = *known;
    if (has_axes) axes = *listed;
    if (has_steps) steps = *each;
  }
  if (axes.empty()) {
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  axes = ops::normalize_axes(axes, static_cast<int64_t>(from.size()));
  steps.resize(starts.size(), 1);
  if (axes.size() != starts.size()) return "axes and starts of different number";
  Box box{0, 0, {}};
  for (size_t i = 0; i < from.size(); ++i) {
    box.moves.push_back({to[i], static_cast<int>(i), 0, 1, static_cast<int>(i), 0, 1});
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    const BoxMove move = slice_move(starts[i], steps[i], from[axis], to[axis], static_cast<int>(axis));
    const int64_t last = move.in_start + (std::max<int64_t>(move.extent, 1) - 1) * move.in_step;
    if (move.extent > 0 && (move.in_start >= from[axis] || last < 0 || last >= from[axis]))
      return "a start out of range";
    box.moves[axis] = move;
  }
  plan.boxes.push_back(std::move(box));
  return "";
}

std::string plan_expand(const Problem& p, BoxPlan& plan) {
  const Shape &from = p.inputs[0].shape, &to = p.outputs[0].shape;
  // A target that only the run knows may be one that this input does not broadcast to.
  if (p.inputs[1].constant == nullptr) return "a target that is not known";
  Box box{0, 0, {}};
  for (size_t i = 0; i < to.size(); ++i) {
    const int axis = static_cast<int>(i) - static_cast<int>(to.size() - from.size());
    const bool repeats = axis < 0 || from[static_cast<size_t>(axis)] == 1;
    if (!repeats && from[static_cast<size_t>(axis)] != to[i]) return "shapes that do not broadcast";
    box.moves.push_back({to[i], repeats ? -1 : axis, 0, 1, static_cast<int>(i), 0, 1});
  }
  plan.boxes.push_back(std::move(box));
  return "";
}

std::string plan_tile(const Problem& p, BoxPlan& plan) {
  if (p.schema->since == 1) return "version 1";
  const Shape &from = p.inputs[0].shape, &to = p.outputs[0].shape;
  // A target that only the run knows may be one that this input does not broadcast to.
  if (p.inputs[1].constant == nullptr) return "a target that is not known";
  Box box{0, 0, {}};
  for (size_t i = 0; i < to.size(); ++i) {
    const int axis = static_cast<int>(i);
    const int64_t repeats = from[i] == 0 ? 0 : to[i] / from[i];
    if (repeats * from[i] != to[i]) return "an output of another size";
    if (repeats != 1) box.moves.push_back({repeats, -1, 0, 0, axis, 0, from[i]});
    box.moves.push_back({from[i], axis, 0, 1, axis, 0, 1});
  }
  plan.boxes.push_back(std::move(box));
  return "";
}

/// Both directions between pixels and channels: `space` is the tensor with the large images.
std::string plan_depth_space(const Problem& p, BoxPlan& plan, bool to_space) {
  const Shape& space = to_space ? p.outputs[0].shape : p.inputs[0].shape;
  const Shape& depth = to_space ? p.inputs[0].shape : p.outputs[0].shape;
  const int64_t b = p.view().attr_int("blocksize"), channels = space[1];
  const bool depth_first = p.view().attr_string("mode", "DCR") == "DCR";
  const int64_t row_step = depth_first ? b * channels : b, column_step = depth_first ? channels : 1;
  // [axis of depth, step, axis of space, step, extent]
  struct Part {
    int64_t extent;
    int depth_axis;
    int64_t depth_step;
    int space_axis;
    int64_t space_step;
  };
  const Part parts[] = {{depth[0], 0, 1, 0, 1}, {channels, 1, depth_first ? 1 : b * b, 1, 1},
                        {b, 1, row_step, 2, 1}, {b, 1, column_step, 3, 1},
                        {depth[2], 2, 1, 2, b}, {depth[3], 3, 1, 3, b}};
  Box box{0, 0, {}};
  for (const Part& part : parts) {
    if (to_space) {
      box.moves.push_back({part.extent, part.depth_axis, 0, part.depth_step, part.space_axis, 0, part.space_step});
    } else {
      box.moves.push_back({part.extent, part.space_axis, 0, part.space_step, part.depth_axis, 0, part.depth_step});
    }
  }
  plan.boxes.push_back(std::move(box));
  return "";
}

std::string plan_depth_to_space(const Problem& p, BoxPlan& plan) { return plan_depth_space(p, plan, true); }
std::string plan_space_to_depth(const Problem& p, BoxPlan& plan) { return plan_depth_space(p, plan, false); }

}  // namespace

namespace tactics {

constinit const Tactic transpose_boxes = box_tactic<plan_transpose>("transpose_boxes");
constinit const Tactic concat_boxes = box_tactic<plan_concat>("concat_boxes");
constinit const Tactic split_boxes = box_tactic<plan_split>("split_boxes");
constinit const Tactic slice_boxes = box_tactic<plan_slice>("slice_boxes");
constinit const Tactic expand_boxes = box_tactic<plan_expand>("expand_boxes");
constinit const Tactic tile_boxes = box_tactic<plan_tile>("tile_boxes");
constinit const Tactic depth_to_space_boxes = box_tactic<plan_depth_to_space>("depth_to_space_boxes");
constinit const Tactic space_to_depth_boxes = box_tactic<plan_space_to_depth>("space_to_depth_boxes");

}  // namespace tactics
}  // namespace kiln
