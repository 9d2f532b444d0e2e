#include "runtime/step_cost.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace kiln {
namespace {

std::vector<const Fact*> facts_of(const Facts& facts, const std::vector<ValueId>& ids) {
  std::vector<const Fact*> found;
  for (ValueId id : ids) found.push_back(id == no_value ? nullptr : &facts[static_cast<size_t>(id)]);
  return found;
}

double bytes_of(const Facts& facts, const std::vector<ValueId>& ids) {
  double bytes = 0;
  for (const Fact* fact : facts_of(facts, ids)) {
    const std::optional<double> size = fact != nullptr ? known_size(fact->type) : std::nullopt;
    if (size) bytes += *size * static_cast<double>(dtype_size(fact->type.dtype));
  }
  return bytes;
}

/// What nodes of a graph read from elsewhere and make for others, where the schedule joined groups and does not say.
Group edges_of(const Graph& graph, const std::vector<size_t>& nodes) {
  const std::set<size_t> inside(nodes.begin(), nodes.end());
  std::set<ValueId> read, made, wanted(graph.outputs.begin(), graph.outputs.end());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    (inside.contains(i) ? read : wanted).insert(node.inputs.begin(), node.inputs.end());
    if (inside.contains(i)) made.insert(node.outputs.begin(), node.outputs.end());
  }
  Group edges;
  std::set_difference(read.begin(), read.end(), made.begin(), made.end(), std::back_inserter(edges.inputs));
  std::set_intersection(made.begin(), made.end(), wanted.begin(), wanted.end(), std::back_inserter(edges.outputs));
  return edges;
}

}  // namespace

std::vector<const Node*> nodes_of(const Graph& graph, const StepView& step) {
  std::vector<const Node*> nodes;
  if (step.node != nullptr) nodes.push_back(step.node->node);
  if (step.scheduled == nullptr || step.scheduled->machine == nullptr) return nodes;
  for (const Step* reference : step.scheduled->reference) nodes.push_back(reference->node);
  if (!step.scheduled->reference.empty()) return nodes;
  for (size_t index : step.scheduled->machine->group.nodes) nodes.push_back(&graph.nodes[index]);
  return nodes;
}

std::string done_by(const Schedule::Step& step) {
  if (step.work) return step.work->name();
  return step.is_sequel() ? "sequel" : "reference";
}

std::optional<NodeCost> step_cost(const Graph& graph, const Facts& facts, const StepView& step) {
  const std::vector<const Node*> nodes = nodes_of(graph, step);
  NodeCost all;
  if (nodes.empty() && step.scheduled != nullptr) {
    all.bytes_read = all.bytes_written = static_cast<double>(step.scheduled->copied_bytes);
    return all;
  }
  for (const Node* node : nodes) {
    const auto cost = node_cost(*node, facts_of(facts, node->inputs), facts_of(facts, node->outputs));
    if (!cost) return std::nullopt;
    all.flops += cost->flops, all.bytes_read += cost->bytes_read, all.bytes_written += cost->bytes_written;
  }
  if (nodes.size() > 1) {
    const Group& said = step.scheduled->machine->group;
    const Group group = said.outputs.empty() ? edges_of(graph, said.nodes) : said;
    all.bytes_read = bytes_of(facts, group.inputs), all.bytes_written = bytes_of(facts, group.outputs);
  }
  return all;
}

}  // namespace kiln
