#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "kernels/reorder/blocked_concat.hpp"
#include "ops/support/axes.hpp"
#include "tactics/constant_ints.hpp"
#include "tactics/tactics.hpp"

/// Concatenation, splitting and slicing of the channels of blocked tensors, wherever blocks begin.
namespace kiln {
namespace {

/// Channels [first, first + channels) of an input.
struct Channels {
  size_t input;
  int64_t first, channels;
};
/// What each output consists of.
using Plan = std::vector<std::vector<Channels>>;
using Planner = std::string (*)(const Problem& problem, Plan& plan);

class ChannelsWork final : public Work {
 public:
  ChannelsWork(const Problem& p, const Layouts& layouts, const Plan& plan)
      : name_(fmt::format("concat_f32_blocked_{}", isa_name(p.isa))) {
    for (size_t i = 0; i < plan.size(); ++i) {
      std::vector<BlockedPart> parts;
      for (const Channels& c : plan[i]) {
        if (c.channels == 0) continue;
        parts.push_back({layouts.inputs[c.input].blocked, c.first, c.channels, c.input});
      }
      outputs_.emplace_back(std::move(parts), layouts.outputs[i].blocked, p.isa);
    }
  }
  std::string name() const override { return name_; }
  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i].run_part(part, parts, p.inputs, static_cast<float*>(p.outputs[i]));
    }
  }

 private:
  std::string name_;
  std::vector<BlockedConcat> outputs_;
};

bool has_images(const TensorSpec& spec) {
  return is_f32(spec) && (spec.shape.size() == 3 || spec.shape.size() == 4) && element_count(spec.shape) > 0;
}

bool along_channels(const Problem& p, int64_t otherwise) {
  const auto rank = static_cast<int64_t>(p.inputs[0].shape.size());
  return ops::normalize_axis(p.view().attr_int("axis", otherwise), rank) == 1;
}

std::string plan_concat(const Problem& p, Plan& plan) {
  if (!along_channels(p, 1)) return "not along the channels";
  plan.resize(1);
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    if (!has_images(p.inputs[i])) return "an input that cannot be blocked";
    plan[0].push_back({i, 0, p.inputs[i].shape[1]});
  }
  return "";
}

std::string plan_split(const Problem& p, Plan& plan) {
  if (!along_channels(p, 0)) return "not along the channels";
  int64_t at = 0;
  for (const TensorSpec& output : p.outputs) {
    if (!output.is_given() || !has_images(output)) return "an output that cannot be blocked";
    plan.push_back({{0, at, output.shape[1]}});
    at += output.shape[1];
  }
  return at <= p.inputs[0].shape[1] ? "" : "lengths that do not fit";
}

std::string plan_slice(const Problem& p, Plan& plan) {
  const Shape &from = p.inputs[0].shape, &to = p.outputs[0].shape;
  if (p.schema->since == 1) return "version 1";
  const auto starts = constant_ints(p, 1), axes = constant_ints(p, 3), steps = constant_ints(p, 4);
  if (!starts || (p.has_input(3) && !axes) || (p.has_input(4) && !steps)) return "arguments known only in a run";
  if (starts->size() != 1) return "more than one axis";
  if (steps && (*steps)[0] != 1) return "a step";
  const int64_t axis = axes ? ops::normalize_axis((*axes)[0], static_cast<int64_t>(from.size())) : 0;
  if (axis != 1) return "not along the channels";
  const int64_t start = std::max<int64_t>((*starts)[0] < 0 ? (*starts)[0] + from[1] : (*starts)[0], 0);
  if (start > from[1] - to[1]) return "a start out of range";
  plan.push_back({{0, start, to[1]}});
  return "";
}

std::string decline(const Problem& p, Planner planner) {
  if (p.nodes.size() != 1) return "something fused to it";
  if (p.inputs.empty() || !has_images(p.inputs[0]) || !has_images(p.outputs[0])) return "not images of f32";
  Plan plan;
  return planner(p, plan);
}

template <Planner planner>
constexpr Tactic channels_tactic(std::string_view name) {
  Tactic tactic{};
  tactic.name = name;
  tactic.declines = [](const Problem& p) { return decline(p, planner); };
  tactic.formats = [](const Problem& p) {
    Plan plan;
    planner(p, plan);
    Formats formats;
    formats.inputs.assign(p.inputs.size(), Format::plain);
    formats.outputs.assign(p.outputs.size(), Format::blocked);
    for (const auto& output : plan) {
      for (const Channels& c : output) formats.inputs[c.input] = Format::blocked;
    }
    return std::vector<Formats>{formats};
  };
  tactic.tunings = [](const Problem&) { return std::vector<Tuning>(1); };
  tactic.cost = [](const Problem& p, const Tuning&) {
    double bytes = 0;
    for (const TensorSpec& output : p.outputs) bytes += 2.0 * sizeof(float) * element_count(output.shape);
    return memory_seconds(bytes);
  };
  tactic.prepare = [](const Problem& p, const Layouts& layouts, const Tuning&) -> std::unique_ptr<Work> {
    Plan plan;
    planner(p, plan);
    return std::make_unique<ChannelsWork>(p, layouts, plan);
  };
  tactic.rows = [](const Problem& p, const Tuning&) -> std::optional<RowRule> {
    constexpr size_t most_inputs = 32;  // the bits of a rule
    if (p.inputs.size() > most_inputs) return {};
    Plan plan;
    planner(p, plan);
    RowRule rule;
    for (const auto& output : plan) {
      for (const Channels& c : output) rule.aligned |= 1u << c.input;
    }
    rule.whole = ~rule.aligned;
    return rule;
  };
  return tactic;
}

}  // namespace

namespace tactics {

constinit const Tactic concat_channels = channels_tactic<plan_concat>("concat_channels");
constinit const Tactic split_channels = channels_tactic<plan_split>("split_channels");
constinit const Tactic slice_channels = channels_tactic<plan_slice>("slice_channels");

}  // namespace tactics
}  // namespace kiln
