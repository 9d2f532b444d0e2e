#include "runtime/machine.hpp"

#include <fmt/format.h>

#include <set>

#include "runtime/engine.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {

const Tensor* constant_value(const Program& program, const Facts& facts, ValueId id) {
  const auto index = static_cast<size_t>(id);
  if (program.sources[index].kind == ValueSource::Kind::constant && program.constants[index].is_tensor()) {
    return &program.constants[index].tensor();
  }
  return facts[index].constant.defined() ? &facts[index].constant : nullptr;
}

TensorSpec spec_of(const Program& program, const Facts& facts, ValueId id) {
  TensorSpec spec;
  if (id == no_value) return spec;
  spec.constant = constant_value(program, facts, id);
  if (spec.constant != nullptr) {
    spec.dtype = spec.constant->dtype();
    spec.shape = spec.constant->shape();
    return spec;
  }
  const Type& type = facts[static_cast<size_t>(id)].type;
  if (!type.is_tensor() || !type.shape) return spec;
  for (const Dim& dim : *type.shape) {
    if (!dim.is_known()) return {};
    spec.shape.push_back(dim.value());
  }
  if (!is_within_tensor_limit(type.dtype, spec.shape)) return {};  // the run refuses it, where it is made
  spec.dtype = type.dtype;
  return spec;
}

std::optional<Problem> make_problem(const Program& program, const Facts& facts, const Group& group, Isa isa,
                                    int threads) {
  Problem problem;
  problem.group = &group;
  problem.opsets = program.opsets;
  problem.isa = isa;
  problem.threads = threads;
  for (size_t index : group.nodes) problem.nodes.push_back(&program.graph->nodes[index]);
  const Node& anchor = problem.anchor();
  const auto opset = program.opsets->find(canonical_domain(anchor.domain));
  if (opset == program.opsets->end()) return {};
  problem.schema = find_schema(anchor.domain, anchor.op_type, opset->second);
  if (problem.schema == nullptr || !canonical_domain(anchor.domain).empty()) return {};
  const auto add = [&](const std::vector<ValueId>& ids, std::vector<TensorSpec>& specs) {
    for (ValueId id : ids) {
      specs.push_back(spec_of(program, facts, id));
      if (id != no_value && !specs.back().is_given()) return false;
    }
    return true;
  };
  if (!add(group.inputs, problem.inputs) || !add(group.outputs, problem.outputs)) return {};
  return problem;
}

bool is_view(const Node& node) {
  if (!canonical_domain(node.domain).empty() || node.outputs.size() != 1) return false;
  for (const char* op : {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"}) {
    if (node.op_type == op) return true;
  }
  return false;
}

int64_t Machine::packed_bytes() const {
  std::set<const float*> seen;
  int64_t bytes = 0;
  for (size_t number = 0; number <= others.size(); ++number) {
    for (const MachineStep& step : ways(number)) {
      if (step.packed != nullptr && seen.insert(step.packed).second) bytes += step.packed_floats * 4;
    }
  }
  for (const Body& body : bodies) bytes += body.engine->machine()->packed_bytes();
  return bytes;
}

std::string ops_of(const Graph& graph, const Group& group) {
  if (group.is_sequel) {
    return fmt::format("a sequel of {} node{}", group.nodes.size(), group.nodes.size() == 1 ? "" : "s");
  }
  std::string ops;
  for (size_t index : group.nodes) ops += (ops.empty() ? "" : "+") + graph.nodes[index].op_type;
  return ops;
}

std::string done_by(const MachineStep& step) {
  if (step.tactic != nullptr) return std::string(step.tactic->name);
  return step.group.is_sequel && !step.by_reference ? "an engine of its own" : "reference code";
}

Machine machine_of_ways(const Machine& machine, size_t ways) {
  Machine one;
  one.isa = machine.isa;
  one.steps = machine.ways(ways);
  one.bodies = machine.bodies;
  one.keepers = machine.keepers;
  return one;
}

}  // namespace kiln
