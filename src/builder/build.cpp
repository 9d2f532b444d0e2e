#include "builder/build.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

#include "base/cpu.hpp"
#include "builder/machine_builder.hpp"
#include "builder/pack_machine.hpp"
#include "builder/problem_key.hpp"
#include "builder/sequels.hpp"
#include "builder/sizes.hpp"
#include "graph/captures.hpp"
#include "runtime/bodies.hpp"

namespace kiln {
namespace {

Machine build(const Program& program, const BuildFacts& facts, const BuildOptions& options, Isa isa);

/// A part of a program, built as an engine of its own; `facts_of` gives what is known in it.
template <class FactsOf>
std::shared_ptr<const EngineDef> build_closed(ClosedBody& closed, const BuildOptions& options, Isa isa,
                                              FactsOf&& facts_of) {
  return EngineDef::create(std::move(closed.model),
                           [&](const EngineDef& body) { return build(body.program(), facts_of(body), options, isa); });
}

/// Decides how the subgraphs of a node are done.
void build_subgraphs(const Program& program, const BuildFacts& facts, const BuildOptions& options, size_t node,
                     Machine& machine) {
  BuildOptions inside = options;
  inside.report = nullptr;
  const std::vector<const Graph*> graphs = subgraphs_of(program.graph->nodes[node]);
  for (size_t which = 0; which < graphs.size(); ++which) {
    std::optional<ClosedBody> closed = close_body(program, node, which);
    if (!closed) continue;
    auto engine = build_closed(*closed, inside, machine.isa, [&](const EngineDef& body) {
      return facts_of_body(facts, *graphs[which], closed->taken, body);
    });
    machine.bodies.push_back({node, which, std::move(closed->captured), {}, std::move(engine)});
  }
}

void build_sequel(const Program& program, const BuildFacts& facts, const BuildOptions& options, size_t number,
                  Machine& machine) {
  const Group& sequel = machine.steps[number].group;
  std::optional<ClosedBody> closed = close_group(program, sequel);
  auto engine = build_closed(*closed, options, machine.isa,
                             [&](const EngineDef& body) { return facts_of_sequel(facts, closed->taken, body); });
  double seconds = 0;
  for (const MachineStep& step : engine->machine()->steps) seconds += step.seconds;
  machine.steps[number].seconds = seconds;
  for (std::vector<MachineStep>& steps : machine.others) steps[number].seconds = seconds;
  machine.bodies.push_back(
      {sequel.nodes.front(), {}, std::move(closed->captured), follows_shapes(facts, sequel), std::move(engine)});
}

/// Decides how subgraphs and sequels are done, each as an engine of its own.
void build_bodies(const Program& program, const BuildFacts& facts, const BuildOptions& options, Machine& machine) {
  std::vector<std::optional<size_t>> sequel_of(program.graph->nodes.size());
  for (size_t i = 0; i < machine.steps.size(); ++i) {
    if (!machine.steps[i].group.is_sequel) continue;
    for (size_t node : machine.steps[i].group.nodes) sequel_of[node] = i;
  }
  for (size_t node = 0; node < sequel_of.size(); ++node) {
    if (!sequel_of[node]) {
      build_subgraphs(program, facts, options, node, machine);
    } else if (machine.steps[*sequel_of[node]].group.nodes.front() == node) {
      build_sequel(program, facts, options, *sequel_of[node], machine);
    }
  }
}

Machine build(const Program& program, const BuildFacts& facts, const BuildOptions& options, Isa isa) {
  MachineBuilder builder(program, options, isa);
  builder.choose_first(facts, 1);
  Machine& machine = builder.machine();
  pack_machine(program, {&facts.typical}, builder.threads(), machine);
  build_bodies(program, facts, options, machine);
  return std::move(machine);
}

/// What measuring ways for a size should take: each problem once, some ways, some runs of each.
double seconds_to_measure(const std::vector<Choice>& choices) {
  constexpr double runs = 45;
  std::map<std::string, double> questions;
  for (const Choice& choice : choices) {
    if (!choice.problem || choice.candidates.size() < 2) continue;
    double least = std::numeric_limits<double>::infinity();
    for (const Candidate& candidate : choice.candidates) least = std::min(least, candidate.seconds);
    questions.emplace(problem_key(*choice.problem), least);
  }
  double seconds = 0;
  for (const auto& [key, least] : questions) seconds += runs * least;
  return seconds;
}

std::vector<Shape> input_shapes(const EngineDef& engine, const Facts& facts) {
  std::vector<Shape> shapes;
  for (const Port& input : engine.inputs()) shapes.push_back(spec_of(engine.program(), facts, input.value).shape);
  return shapes;
}

std::string shapes_text(const EngineDef& engine, const std::vector<Shape>& shapes) {
  std::string text;
  for (size_t i = 0; i < shapes.size(); ++i) {
    text += (text.empty() ? "" : ", ") + engine.inputs()[i].name + " " + to_string(shapes[i]);
  }
  return text;
}

/// Several sizes: those that take too long to be measured are taken smaller, nearer to the first.
class SizeBuilder {
 public:
  SizeBuilder(const EngineDef& engine, const Sizes& sizes, const BuildOptions& options, Isa isa)
      : engine_(engine), sizes_(sizes), options_(options), builder_(engine.program(), options, isa) {}

  Machine build() {
    const size_t count = sizes_.others.size();
    const double rest = count == 0 ? 0 : time_of_others;
    facts_.push_back(build_facts(engine_, sizes_.first));
    builder_.choose_first(facts_[0], 1 - rest);
    Machine& machine = builder_.machine();
    const std::vector<Shape> first = input_shapes(engine_, facts_[0].typical);
    if (options_.report != nullptr) options_.report->shapes = shapes_text(engine_, first);
    if (count > 0) machine.buckets.push_back({first, 0, builder_.first_seconds()});
    for (const InputShapes& size : sizes_.others) {
      add(size, rest * options_.time_budget_seconds / static_cast<double>(count));
    }
    if (machine.others.empty()) machine.buckets.clear();
    machine.profiles = sizes_.limits;
    std::vector<const Facts*> facts;
    for (const BuildFacts& of_ways : facts_) facts.push_back(&of_ways.typical);
    pack_machine(engine_.program(), facts, builder_.threads(), machine);
    build_bodies(engine_.program(), facts_[0], options_, machine);
    return std::move(machine);
  }

 private:
  static constexpr double time_of_others = 0.4;

  void add(const InputShapes& size, double seconds) {
    InputShapes first;
    for (size_t i = 0; i < engine_.inputs().size(); ++i) {
      first[engine_.inputs()[i].name] = builder_.machine().buckets.front().inputs[i];
    }
    BuildFacts facts;
    std::vector<Choice> choices;
    for (double share = 1; share > 0.1; share -= 0.15) {
      facts = facts_at(engine_, facts_[0], between(first, size, share));
      choices = builder_.choices_at(facts);
      if (options_.tune == Tune::off || seconds_to_measure(choices) <= seconds) break;
    }
    const std::vector<Shape> shapes = input_shapes(engine_, facts.typical);
    SizeReport report{.shapes = shapes_text(engine_, shapes)};
    const auto [ways, expected] = builder_.choose_other(facts, std::move(choices), seconds, report);
    builder_.machine().buckets.push_back({shapes, ways, expected});
    if (ways > 0) facts_.push_back(std::move(facts));
    if (options_.report != nullptr) options_.report->sizes.push_back(std::move(report));
  }

  const EngineDef& engine_;
  const Sizes& sizes_;
  const BuildOptions& options_;
  MachineBuilder builder_;
  std::deque<BuildFacts> facts_;  ///< of the first size, then of those with ways of their own
};

}  // namespace

Machine build_machine(const EngineDef& engine, const BuildOptions& options, std::optional<Isa> isa) {
  const Sizes sizes = sizes_to_build(engine, options);
  return SizeBuilder(engine, sizes, options, isa.value_or(best_isa())).build();
}

}  // namespace kiln
