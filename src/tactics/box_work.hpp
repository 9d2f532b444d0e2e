#pragma once

#include <string>
#include <vector>

#include "kernels/copy/strided_copy.hpp"
#include "tactics/tactic.hpp"

namespace kiln {

/// One dimension of a box of elements that is copied: where its items lie along an axis of the input and of the
/// output. An axis may be shared by several dimensions; the places then add up.
struct BoxMove {
  int64_t extent = 1;
  int in_axis = -1;  ///< -1: the items repeat
  int64_t in_start = 0, in_step = 1;
  int out_axis = -1;  ///< only for an extent of 1 may it be -1
  int64_t out_start = 0, out_step = 1;
};
struct Box {
  int input = -1;  ///< -1: the plan's constant
  size_t output = 0;
  std::vector<BoxMove> moves;
};
/// A node as copies of boxes that together write every element of its outputs once.
struct BoxPlan {
  std::vector<Box> boxes;
  float constant = 0;  ///< of outputs of f32; others have zeros

  /// A whole input to a place in an output of the same rank.
  void add_whole(const Shape& shape, int input, size_t output, int axis = -1, int64_t in_start = 0,
                 int64_t out_start = 0);
};
/// Writes the plan of a problem, or returns why the node cannot be done so.
using BoxPlanner = std::string (*)(const Problem& problem, BoxPlan& plan);

/// Copies between tensors of any formats that box_formats() names.
class BoxWork final : public Work {
 public:
  BoxWork(const Problem& problem, const Layouts& layouts, const BoxPlan& plan);
  std::string name() const override { return name_; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override;

 private:
  struct Step {
    StridedCopy copy;
    int input;
    size_t output;
  };
  void add(const Problem& problem, const Layouts& layouts, const Box& box);

  std::string name_;
  Isa isa_;
  float constant_[4] = {};
  std::vector<Step> steps_;
  std::vector<TensorLayout> outputs_;
};

std::string decline_boxes(const Problem& problem, BoxPlanner planner);
std::vector<Formats> box_formats(const Problem& problem, const BoxPlan& plan);
double box_cost(const Problem& problem, const BoxPlan& plan);

/// The tactic of a planner.
template <BoxPlanner planner>
constexpr Tactic box_tactic(std::string_view name) {
  Tactic tactic{};
  tactic.name = name;
  tactic.declines = [](const Problem& p) { return decline_boxes(p, planner); };
  tactic.formats = [](const Problem& p) {
    BoxPlan plan;
    planner(p, plan);
    return box_formats(p, plan);
  };
  tactic.tunings = [](const Problem&) { return std::vector<Tuning>(1); };
  tactic.cost = [](const Problem& p, const Tuning&) {
    BoxPlan plan;
    planner(p, plan);
    return box_cost(p, plan);
  };
  tactic.prepare = [](const Problem& p, const Layouts& layouts, const Tuning&) -> std::unique_ptr<Work> {
    BoxPlan plan;
    planner(p, plan);
    return std::make_unique<BoxWork>(p, layouts, plan);
  };
  return tactic;
}

}  // namespace kiln
