#include <fmt/format.h>

#include "base/nearest.hpp"
#include "check/checker.hpp"

namespace kiln::check {
namespace {

bool is_main(const Walk& walk, const Graph& graph) { return &graph == &walk.model.graph; }

/// What a main graph must say of each input and output.
void check_port(Walk& walk, const Graph& graph, ValueId id, std::string_view kind) {
  const ValueInfo& value = graph.values[slot(id)];
  const std::string place = fmt::format("{}, {} '{}'", place_of(graph), kind, value.name);
  const auto miss = [&](std::string_view what) {
    walk.findings.error("incomplete-type", place, fmt::format("its type lacks {}", what),
                        "The inputs and outputs of a model must be of stated type.");
  };
  const Type& type = value.type;
  switch (type.kind) {
    case Type::Kind::unknown:
      walk.findings.error("missing-type", place, "it has no type",
                          "The inputs and outputs of a model must be of stated type.");
      break;
    case Type::Kind::tensor:
    case Type::Kind::sparse:
      if (type.dtype == DType::undefined) miss("its element type");
      if (!type.shape) miss("a shape; a dim that is not known may be left empty, the rank may not");
      break;
    case Type::Kind::map:
      if (type.dtype == DType::undefined) miss("its key type");
      [[fallthrough]];
    case Type::Kind::sequence:
    case Type::Kind::optional:
      if (!type.inner || !type.inner->is_known()) miss("its element type");
      break;
    case Type::Kind::opaque:
      if (type.opaque_name.ends_with(',')) miss("the name of its opaque type");
      walk.findings.error("cannot-run", place,
                          fmt::format("Kiln cannot run models with values of type {}", type.str()));
      break;
  }
}

void add_inputs(Walk& walk, const Graph& graph, Scope& scope) {
  for (ValueId id : graph.inputs) {
    if (id == no_value) continue;
    if (!scope.names.insert(graph.name_of(id)).second) {
      walk.findings.error("duplicate-name", place_of(graph),
                          fmt::format("two inputs have the name '{}'", graph.name_of(id)));
    }
  }
}

void add_initializers(Walk& walk, const Graph& graph, Scope& scope) {
  std::set<std::string_view> seen;
  const auto add = [&](ValueId id) {
    if (id == no_value) return;
    const std::string& name = graph.name_of(id);
    if (!seen.insert(name).second) {
      walk.findings.error("duplicate-name", place_of(graph), fmt::format("two initialisers have the name '{}'", name));
    }
    if (walk.model.ir_version <= 3 && walk.model.ir_version > 0 && !scope.has(name)) {
      walk.findings.error(
          "initializer-no-input", fmt::format("{}, initialiser '{}'", place_of(graph), name),
          fmt::format("ir_version {} wants every initialiser to be an input too", walk.model.ir_version),
          "Set ir_version to 4 or later, or add the input.");
    }
    scope.names.insert(name);
  };
  for (const Initializer& initializer : graph.initializers) add(initializer.value);
  for (const SparseInitializer& initializer : graph.sparse_initializers) add(initializer.value);
}

/// The node that makes each value, -1 where none does.
std::vector<int> find_makers(const Graph& graph) {
  std::vector<int> makers(graph.values.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].outputs) {
      if (id != no_value && makers[slot(id)] < 0) makers[slot(id)] = static_cast<int>(i);
    }
  }
  return makers;
}

/// Nodes that wait for their own results.
std::vector<bool> find_cycles(const Graph& graph, const std::vector<int>& makers) {
  std::vector<size_t> waits(graph.nodes.size(), 0);
  std::vector<std::vector<size_t>> readers(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].inputs) {
      if (id == no_value || makers[slot(id)] < 0) continue;
      readers[static_cast<size_t>(makers[slot(id)])].push_back(i);
      ++waits[i];
    }
  }
  std::vector<size_t> ready;
  for (size_t i = 0; i < waits.size(); ++i) {
    if (waits[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    const size_t done = ready.back();
    ready.pop_back();
    for (size_t reader : readers[done]) {
      if (--waits[reader] == 0) ready.push_back(reader);
    }
  }
  std::vector<bool> stuck(graph.nodes.size());
  for (size_t i = 0; i < waits.size(); ++i) stuck[i] = waits[i] > 0;
  return stuck;
}

void collect_names(const Scope& scope, std::vector<std::string_view>& names) {
  names.insert(names.end(), scope.names.begin(), scope.names.end());
  if (scope.outer) collect_names(*scope.outer, names);
}

class NodeWalk {
 public:
  NodeWalk(Walk& walk, const Graph& graph, Scope& scope)
      : walk_(walk), graph_(graph), scope_(scope), makers_(find_makers(graph)), stuck_(find_cycles(graph, makers_)) {}

  void run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (size_t k = 0; k < graph_.nodes[i].inputs.size(); ++k) check_input(i, k);
      check_node(walk_, scope_, graph_.nodes[i], i);
      add_outputs(i);
    }
  }

 private:
  void check_input(size_t index, size_t input) {
    const Node& node = graph_.nodes[index];
    const ValueId id = node.inputs[input];
    if (id == no_value || scope_.sees(graph_.name_of(id))) return;
    const std::string& name = graph_.name_of(id);
    const std::string place = fmt::format("{}, input {} '{}'", place_of(walk_, graph_, node, index), input, name);
    const int maker = makers_[slot(id)];
    if (maker < 0) {
      std::vector<std::string_view> names;
      collect_names(scope_, names);
      walk_.findings.error("undefined-input", place,
                           "no node, input or initialiser has this name" + suggestion(names, name));
      return;
    }
    const auto made_by = static_cast<size_t>(maker);
    const std::string made = graph_.nodes[made_by].describe(made_by);
    if (stuck_[index] && stuck_[made_by]) {
      walk_.findings.error("cycle", place, fmt::format("it comes from {}, which waits for this node: a cycle", made));
    } else {
      walk_.findings.error("not-sorted", place, fmt::format("{}, which makes it, stands later in the graph", made),
                           "The nodes of a graph must be sorted so that each value is made before it is read.");
    }
  }

  void add_outputs(size_t index) {
    const Node& node = graph_.nodes[index];
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == no_value) continue;
      const std::string& name = graph_.name_of(node.outputs[i]);
      if (scope_.sees(name)) {
        const bool here = scope_.has(name);
        walk_.findings.error("duplicate-name",
                             fmt::format("{}, output {} '{}'", place_of(walk_, graph_, node, index), i, name),
                             here ? "another node, input or initialiser of the graph has this name"
                                  : "a value of a graph around this one has this name, and may not be hidden",
                             "Each value must be made exactly once and have a name of its own.");
      }
      scope_.names.insert(name);
    }
  }

  Walk& walk_;
  const Graph& graph_;
  Scope& scope_;
  std::vector<int> makers_;
  std::vector<bool> stuck_;
};

void check_node_names(Walk& walk, const Graph& graph) {
  std::map<std::string_view, size_t> names;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::string& name = graph.nodes[i].name;
    if (name.empty()) continue;
    const auto [first, added] = names.emplace(name, i);
    if (!added) {
      walk.findings.warning("duplicate-node-name", place_of(walk, graph, graph.nodes[i], i),
                            fmt::format("node #{} has the same name", first->second));
    }
  }
}

void check_outputs(Walk& walk, const Graph& graph, const Scope& scope) {
  std::set<std::string_view> seen;
  for (ValueId id : graph.outputs) {
    if (id == no_value) continue;
    const std::string& name = graph.name_of(id);
    const std::string place = fmt::format("{}, output '{}'", place_of(graph), name);
    if (!scope.has(name)) {
      const std::vector<std::string_view> names(scope.names.begin(), scope.names.end());
      walk.findings.error("undefined-output", place,
                          scope.sees(name) ? "it is a value of a graph around this one; put an Identity before it"
                                           : "no node, input or initialiser makes it" + suggestion(names, name));
    }
    if (!seen.insert(name).second) walk.findings.warning("duplicate-output", place, "it is an output twice");
  }
}

}  // namespace

std::string place_of(const Graph& graph) {
  return graph.name.empty() ? "the graph" : fmt::format("graph '{}'", graph.name);
}

std::string place_of(const Walk& walk, const Graph& graph, const Node& node, size_t index) {
  return is_main(walk, graph) ? node.describe(index) : place_of(graph) + ", " + node.describe(index);
}

void check_graph(Walk& walk, const Graph& graph, const Scope* outer) {
  if (graph.name.empty()) {
    walk.findings.error("missing-name", outer ? "a subgraph of " + place_of(outer->graph) : "the graph",
                        "a graph has no name", "Give it one.");
  }
  if (is_main(walk, graph)) {
    for (ValueId id : graph.inputs) check_port(walk, graph, id, "input");
    for (ValueId id : graph.outputs) check_port(walk, graph, id, "output");
    if (graph.outputs.empty()) walk.findings.warning("no-outputs", place_of(graph), "it has no outputs");
  }
  Scope scope{.graph = graph, .outer = outer};
  add_inputs(walk, graph, scope);
  add_initializers(walk, graph, scope);
  check_node_names(walk, graph);
  NodeWalk(walk, graph, scope).run();
  check_outputs(walk, graph, scope);
}

}  // namespace kiln::check
