#include <algorithm>

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "tactics/box_work.hpp"
#include "tactics/constant_ints.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

/// Places of the output along an axis that the input fills in even steps, or the constant where step is `constant`.
struct Stretch {
  int64_t to, length, from, step;
  bool constant;
};

struct AxisPads {
  int64_t begin = 0, end = 0;
};

/// As Pad's definition has it: which element of the input stands at a place of the output; -1 is the constant.
int64_t source(int64_t place, int64_t kept, const std::string& mode) {
  if (place >= 0 && place < kept) return place;
  if (mode == "edge") return place < 0 ? 0 : kept - 1;
  if (mode == "wrap") return (place % kept + kept) % kept;
  if (mode == "reflect") {
    const int64_t period = std::max<int64_t>(1, 2 * (kept - 1));
    place = (place % period + period) % period;
    return std::min(place, period - place);
  }
  return -1;
}

std::vector<Stretch> stretches(int64_t extent, const AxisPads& pads, int64_t length, const std::string& mode) {
  const int64_t first = std::max<int64_t>(0, -pads.begin);
  const int64_t kept = extent - first - std::max<int64_t>(0, -pads.end);
  std::vector<Stretch> found;
  for (int64_t i = 0; i < length; ++i) {
    const int64_t from = source(i - std::max<int64_t>(0, pads.begin), kept, mode);
    Stretch* last = found.empty() ? nullptr : &found.back();
    if (last != nullptr && last->constant && from < 0) {
      ++last->length;
    } else if (last != nullptr && !last->constant && from >= 0 && last->length == 1 &&
               std::abs(first + from - last->from) <= 1) {
      last->step = first + from - last->from;
      ++last->length;
    } else if (last != nullptr && !last->constant && from >= 0 && last->length > 1 &&
               first + from == last->from + last->length * last->step) {
      ++last->length;
    } else {
      found.push_back({i, 1, first + from, 1, from < 0});
    }
  }
  return found;
}

/// The boxes of one combination of stretches after another; a constant one is as wide as all axes after it.
class PadBoxes {
 public:
  PadBoxes(BoxPlan& plan, const Shape& out, std::vector<std::vector<Stretch>> axes, int filler)
      : plan_(plan), out_(out), axes_(std::move(axes)), filler_(filler) {}

  void add(size_t axis = 0) {
    if (axis == axes_.size()) {
      plan_.boxes.push_back({0, 0, moves_});
      return;
    }
    const int index = static_cast<int>(axis);
    for (const Stretch& s : axes_[axis]) {
      if (s.constant) {
        Box box{filler_, 0, moves_};
        for (BoxMove& move : box.moves) move.in_axis = -1;
        box.moves.push_back({s.length, -1, 0, 0, index, s.to, 1});
        for (size_t i = axis + 1; i < axes_.size(); ++i) {
          box.moves.push_back({out_[i], -1, 0, 0, static_cast<int>(i), 0, 1});
        }
        plan_.boxes.push_back(std::move(box));
      } else {
        moves_.push_back({s.length, index, s.from, s.step, index, s.to, 1});
        add(axis + 1);
        moves_.pop_back();
      }
    }
  }

 private:
  BoxPlan& plan_;
  const Shape& out_;
  std::vector<std::vector<Stretch>> axes_;
  int filler_;  ///< input that holds the constant; -1 for the plan's own
  std::vector<BoxMove> moves_;
};

std::string plan_pad(const Problem& p, BoxPlan& plan) {
  constexpr size_t most_boxes = 300;
  const NodeView node = p.view();
  const Shape &from = p.inputs[0].shape, &to = p.outputs[0].shape;
  const std::string& mode = node.attr_string("mode");
  std::vector<int64_t> pads, axes;
  int filler = -1;
  if (node.version() < 11) {
    const auto listed = node.attr_ints(node.version() == 1 ? "paddings" : "pads");
    pads.assign(listed.begin(), listed.end());
    plan.constant = node.attr_float("value");
    if (plan.constant != 0 && p.outputs[0].dtype != DType::f32) return "a constant that is not f32";
  } else {
    const auto known = constant_ints(p, 1), listed = constant_ints(p, 3);
    if (!known || (p.has_input(3) && !listed)) return "pads known only in a run";
    pads = *known;
    if (listed) axes = *listed;
    if (p.has_input(2)) {
      if (element_count(p.inputs[2].shape) != 1 || p.inputs[2].dtype != p.outputs[0].dtype) return "an odd constant";
      filler = 2;
    }
  }
  if (!p.has_input(3)) {
    for (size_t i = 0; i < from.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  axes = ops::normalize_axes(axes, static_cast<int64_t>(from.size()));
  if (pads.size() != 2 * axes.size()) return "another number of pads than axes";
  if (element_count(to) == 0) return "";
  if (element_count(from) == 0) return "an empty input";
  std::vector<AxisPads> by_axis(from.size());
  for (size_t i = 0; i < axes.size(); ++i) by_axis[static_cast<size_t>(axes[i])] = {pads[i], pads[axes.size() + i]};
  std::vector<std::vector<Stretch>> all;
  size_t boxes = 1;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t cut = std::max<int64_t>(0, -by_axis[i].begin) + std::max<int64_t>(0, -by_axis[i].end);
    if (from[i] + by_axis[i].begin + by_axis[i].end != to[i]) return "pads that do not lead to the output's shape";
    if (cut >= from[i]) return "an axis of which nothing is kept";
    if (by_axis[i].begin == 0 && by_axis[i].end == 0) {
      all.push_back({{0, to[i], 0, 1, false}});
    } else {
      all.push_back(stretches(from[i], by_axis[i], to[i], mode));
    }
    boxes *= all.back().size();
    if (boxes > most_boxes) return "more pieces than are worth it";
  }
  PadBoxes(plan, to, std::move(all), filler).add();
  return "";
}

}  // namespace

namespace tactics {

constinit const Tactic pad_boxes = box_tactic<plan_pad>("pad_boxes");

}  // namespace tactics
}  // namespace kiln
