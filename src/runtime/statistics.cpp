#include "runtime/statistics.hpp"

#include <algorithm>
#include <set>

#include "base/checked.hpp"
#include "runtime/node_cost.hpp"

namespace kiln {
namespace {

std::string operator_name(const Node& node) {
  const std::string_view domain = canonical_domain(node.domain);
  return domain.empty() ? node.op_type : std::string(domain) + "." + node.op_type;
}

/// The subgraphs in a node's attributes.
std::vector<const Graph*> subgraphs_of(const Node& node) {
  std::vector<const Graph*> found;
  for (const Attribute& attribute : node.attributes) {
    if (const auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.data); graph && *graph) {
      found.push_back(graph->get());
    }
    if (const auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.data)) {
      for (const auto& graph : *graphs) {
        if (graph) found.push_back(graph.get());
      }
    }
  }
  return found;
}

void add_tensor(const Tensor& tensor, ModelSize& size) {
  size.parameters = checked_add(size.parameters, tensor.size(), "the number of parameters");
  const int64_t whole = tensor.size() / 8 * static_cast<int64_t>(dtype_bits(tensor.dtype()));
  const int64_t rest = (tensor.size() % 8 * static_cast<int64_t>(dtype_bits(tensor.dtype())) + 7) / 8;
  size.weight_bytes = checked_add(size.weight_bytes, checked_add(whole, rest, "a tensor"), "the bytes of all weights");
}

void add_graph(const Graph& graph, ModelSize& size) {
  for (const Initializer& initializer : graph.initializers) {
    add_tensor(initializer.tensor, size);
    if (initializer.external.empty()) continue;
    ++size.external_tensors;
    size.external_bytes += static_cast<int64_t>(initializer.tensor.bytes());
  }
  for (const SparseInitializer& initializer : graph.sparse_initializers) add_tensor(initializer.tensor.values, size);
  for (const Node& node : graph.nodes) {
    ++size.nodes;
    ++size.operators[operator_name(node)];
    const Attribute* value = node.op_type == "Constant" ? node.find_attribute("value") : nullptr;
    if (const auto* tensor = value ? std::get_if<Tensor>(&value->data) : nullptr) add_tensor(*tensor, size);
    for (const Graph* subgraph : subgraphs_of(node)) {
      ++size.subgraphs;
      add_graph(*subgraph, size);
    }
  }
}

void add_cost(RunCost& total, const RunCost& part, double times) {
  total.flops += part.flops * times;
  total.bytes_read += part.bytes_read * times;
  total.bytes_written += part.bytes_written * times;
  total.uncounted += part.uncounted;
  for (const auto& [name, cost] : part.operators) {
    OperatorCost& sum = total.operators[name];
    sum.runs += static_cast<int64_t>(std::min(static_cast<double>(cost.runs) * times, 1e15));
    sum.flops += cost.flops * times;
    sum.bytes += cost.bytes * times;
  }
  for (const std::string& text : part.assumptions) {
    if (std::find(total.assumptions.begin(), total.assumptions.end(), text) == total.assumptions.end()) {
      total.assumptions.push_back(text);
    }
  }
}

/// Listens to an inference and adds up what it sees. Inner graphs end before the graph around them: what ended is kept
/// until that one ends and takes it. A function's body sees nothing around it and is added up at once; a subgraph waits
/// for the shapes of the values that it captures.
class CostCollector {
 public:
  explicit CostCollector(const ModelDef& model) : model_(model) {}

  void graph_ended(const Graph& graph, const Facts& facts) {
    std::set<const Graph*> inner;
    size_t calls = 0;
    for (const Node& node : graph.nodes) {
      for (const Graph* subgraph : subgraphs_of(node)) inner.insert(subgraph);
      calls += is_call(node) ? 1 : 0;
    }
    Ended ended{&graph, facts, {}, {}};
    while (!ended_.empty()) {
      Ended& last = ended_.back();
      const bool is_inner = inner.contains(last.graph);
      if (!is_inner && calls == 0) break;
      if (!is_inner) --calls;
      ended.children.insert(ended.children.begin(), std::move(last));
      ended_.pop_back();
    }
    ended.alone = cost_of(ended, nullptr);
    ended_.push_back(std::move(ended));
  }

  RunCost take() { return ended_.empty() ? RunCost() : std::move(ended_.back().alone); }

 private:
  struct Ended {
    const Graph* graph;
    Facts facts;
    std::vector<Ended> children;  ///< in the order in which they ended
    RunCost alone;                ///< as a function's body or main graph
  };
  struct Scope {
    const Ended* ended;
    const Scope* outer;
  };

  bool is_call(const Node& node) const {
    return model_.find_function(node.domain, node.op_type, node.overload) != nullptr;
  }

  static const Fact* find(const Scope& scope, ValueId id) {
    if (id == no_value) return nullptr;
    const Fact& local = scope.ended->facts[static_cast<size_t>(id)];
    if (local.type.is_known()) return &local;
    const std::string& name = scope.ended->graph->name_of(id);
    for (const Scope* outer = scope.outer; outer; outer = outer->outer) {
      const ValueId found = outer->ended->graph->find_value(name);
      if (found != no_value) return &outer->ended->facts[static_cast<size_t>(found)];
    }
    return &local;
  }

  RunCost cost_of(const Ended& ended, const Scope* outer) const {
    RunCost total;
    const Scope scope{&ended, outer};
    std::set<const Graph*> inner;
    for (const Node& node : ended.graph->nodes) {
      for (const Graph* subgraph : subgraphs_of(node)) inner.insert(subgraph);
    }
    auto body = ended.children.begin();
    for (const Node& node : ended.graph->nodes) {
      if (is_call(node)) {
        while (body != ended.children.end() && inner.contains(body->graph)) ++body;
        if (body != ended.children.end()) add_cost(total, (body++)->alone, 1);
      } else {
        add_node(node, scope, total);
      }
    }
    return total;
  }

  void add_node(const Node& node, const Scope& scope, RunCost& total) const {
    std::vector<const Fact*> inputs, outputs;
    for (ValueId id : node.inputs) inputs.push_back(find(scope, id));
    for (ValueId id : node.outputs) outputs.push_back(find(scope, id));
    OperatorCost& sum = total.operators[operator_name(node)];
    ++sum.runs;
    if (const std::optional<NodeCost> cost = node_cost(node, inputs, outputs)) {
      sum.flops += cost->flops;
      sum.bytes += cost->bytes_read + cost->bytes_written;
      total.flops += cost->flops;
      total.bytes_read += cost->bytes_read;
      total.bytes_written += cost->bytes_written;
    } else {
      ++total.uncounted;
    }
    add_subgraphs(node, inputs, scope, total);
  }

  void add_subgraphs(const Node& node, std::span<const Fact* const> inputs, const Scope& scope, RunCost& total) const {
    std::vector<RunCost> costs;
    for (const Graph* subgraph : subgraphs_of(node)) {
      const auto& children = scope.ended->children;
      const auto found =
          std::find_if(children.rbegin(), children.rend(), [&](const Ended& child) { return child.graph == subgraph; });
      if (found != children.rend()) costs.push_back(cost_of(*found, &scope));
    }
    if (costs.empty()) return;
    if (node.op_type == "If") {
      const auto most = std::max_element(costs.begin(), costs.end(),
                                         [](const RunCost& a, const RunCost& b) { return a.flops < b.flops; });
      most->assumptions.push_back("If: the branch with more operations is taken");
      add_cost(total, *most, 1);
      return;
    }
    RunCost turns;
    const std::optional<double> count = turns_of(node, inputs);
    if (!count) turns.assumptions.push_back(node.op_type + ": one turn where the number of turns depends on data");
    for (const RunCost& cost : costs) add_cost(turns, cost, count.value_or(1));
    add_cost(total, turns, 1);
  }

  /// How often a body runs: Loop's first input, or the length that Scan and SequenceMap go over.
  static std::optional<double> turns_of(const Node& node, std::span<const Fact* const> inputs) {
    if (inputs.empty() || !inputs.front()) return std::nullopt;
    if (node.op_type == "Loop") {
      const Tensor& trips = inputs.front()->constant;
      if (!trips.defined() || trips.dtype() != DType::i64 || trips.size() != 1) return std::nullopt;
      // Exporters write "until the condition ends it" as the largest number.
      const int64_t count = trips.data<int64_t>()[0];
      if (count > (int64_t{1} << 40)) return std::nullopt;
      return static_cast<double>(std::max<int64_t>(0, count));
    }
    if (node.op_type == "Scan" && inputs.back() && inputs.back()->type.is_tensor() && inputs.back()->type.shape) {
      const Attribute* axes = node.find_attribute("scan_input_axes");
      const auto* list = axes ? std::get_if<std::vector<int64_t>>(&axes->data) : nullptr;
      const SymShape& shape = *inputs.back()->type.shape;
      const int64_t rank = static_cast<int64_t>(shape.size());
      int64_t axis = list && !list->empty() ? list->back() : 0;
      if (axis < 0) axis += rank;
      if (axis < 0 || axis >= rank || !shape[static_cast<size_t>(axis)].is_known()) return std::nullopt;
      return static_cast<double>(shape[static_cast<size_t>(axis)].value());
    }
    return std::nullopt;
  }

  const ModelDef& model_;
  std::vector<Ended> ended_;
};

}  // namespace

ModelSize model_size(const ModelDef& model) {
  ModelSize size;
  add_graph(model.graph, size);
  for (const Function& function : model.functions) {
    ++size.functions;
    add_graph(function.body, size);
  }
  return size;
}

RunCost run_cost(const ModelDef& model, const ShapeBinding& binding) {
  std::map<ValueId, Fact> inputs;
  for (ValueId id : model.graph.inputs) {
    if (id == no_value) continue;
    const ValueInfo& value = model.graph.values[static_cast<size_t>(id)];
    const auto shape = binding.shapes.find(value.name);
    if (!value.type.is_tensor() || shape == binding.shapes.end()) continue;
    inputs[id].type = Type::tensor(value.type.dtype, SymShape(shape->second.begin(), shape->second.end()));
  }
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  ShapeInference inference(model, diagnostics, ShapeInference::StatedTypes::ignore);
  CostCollector collector(model);
  inference.set_observer([&](const Graph& graph, const Facts& facts) { collector.graph_ended(graph, facts); });
  inference.run(inputs);
  return collector.take();
}

}  // namespace kiln
