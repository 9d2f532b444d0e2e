#include "builder/sequels.hpp"

#include <algorithm>

#include "graph/captures.hpp"
#include "runtime/bodies.hpp"

namespace kiln {
namespace {

/// The nodes of each stage, in the program's order: a stage begins with what reads shapes that data decide in the one
/// before.
std::vector<std::vector<size_t>> stages_of(const Program& program, const Facts& typical) {
  const Graph& graph = *program.graph;
  std::vector<size_t> stage_of(graph.values.size(), 0);
  std::vector<std::vector<size_t>> stages;
  for (const Step& step : program.steps) {
    size_t stage = 0;
    for (ValueId id : values_read(graph, *step.node)) stage = std::max(stage, stage_of[static_cast<size_t>(id)]);
    for (ValueId id : step.node->outputs) {
      if (id != no_value)
        stage_of[static_cast<size_t>(id)] = typical[static_cast<size_t>(id)].is_born ? stage + 1 : stage;
    }
    stages.resize(std::max(stages.size(), stage + 1));
    stages[stage].push_back(step.node_index);
  }
  return stages;
}

}  // namespace

std::vector<Group> find_sequels(const Program& program, const Facts& typical) {
  const std::vector<std::vector<size_t>> stages = stages_of(program, typical);
  if (stages.size() < 2) return {};
  const GroupEdges edges(program);
  std::vector<Group> sequels;
  for (size_t stage = 1; stage < stages.size(); ++stage) {
    if (stages[stage].empty()) continue;
    sequels.push_back(edges.group_of(stages[stage]));
    sequels.back().is_sequel = true;
    if (!close_group(program, sequels.back())) return {};
  }
  return sequels;
}

std::vector<bool> follows_shapes(const BuildFacts& facts, const Group& sequel) {
  std::vector<bool> follows;
  for (ValueId id : sequel.inputs) follows.push_back(facts.typical[static_cast<size_t>(id)].constant.defined());
  return follows;
}

}  // namespace kiln
