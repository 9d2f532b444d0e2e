#include "passes/optimize.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "graph/captures.hpp"
#include "graph/gradient_body.hpp"
#include "passes/model_pass.hpp"

namespace kiln {
namespace {

using passes::collect_graphs;
using passes::infer_all;

/// Rewrites settle in two or three rounds; the bound keeps two passes that undo each other from running for ever.
constexpr int most_rounds = 8;

/// Initialisers that nothing reads any more: the weights that folding has replaced would only take memory.
void drop_unread_constants(Graph& graph) {
  // Annotations name initialisers by their text.
  if (!graph.quantization.empty()) return;
  std::vector<bool> read(graph.values.size(), false);
  const auto mark = [&](ValueId id) {
    if (id != no_value) read[static_cast<size_t>(id)] = true;
  };
  for (const Node& node : graph.nodes) {
    for (ValueId id : values_read(graph, node)) mark(id);
  }
  for (ValueId id : graph.inputs) mark(id);
  for (ValueId id : graph.outputs) mark(id);
  std::erase_if(graph.initializers,
                [&](const Initializer& initializer) { return !read[static_cast<size_t>(initializer.value)]; });
}

class Driver {
 public:
  Driver(ModelDef& model, const OptimizeOptions& options) : model_(model), options_(options) {}

  OptimizeReport run() {
    complete_gradients();
    report_.nodes_before = report_.nodes_after = count_nodes();
    bool contradicts = !makes_values_once();
    if (!contradicts) facts_ = infer_all(model_, &contradicts);
    if (contradicts) {
      report_.notes.push_back("the model stays as it is: a node contradicts its operator's rules or another node");
      return std::move(report_);
    }
    if (options_.count_savings_for != nullptr) counter_.emplace(model_, *options_.count_savings_for);
    for (const ModelPass& pass : model_passes()) {
      if (!is_skipped(pass.name) && report_.patches.size() < options_.max_patches) run_model_pass(pass);
    }
    bool changed = true;
    for (int round = 0; changed && round < most_rounds; ++round) {
      changed = false;
      for (const Pass& pass : options_.passes) {
        if (!is_skipped(pass.name) && run_pass(pass)) changed = true;
      }
    }
    report_.nodes_after = count_nodes();
    passes::take_constants_back(model_.graph);
    std::vector<Graph*> graphs;
    collect_graphs(model_.graph, graphs);
    // Training reads the weights by their names.
    for (Graph* graph : graphs) {
      if (model_.training_info.empty()) drop_unread_constants(*graph);
    }
    return std::move(report_);
  }

 private:
  size_t count_nodes() {
    std::vector<Graph*> graphs;
    collect_graphs(model_.graph, graphs);
    size_t count = 0;
    for (const Graph* graph : graphs) count += graph->nodes.size();
    return count;
  }

  /// No value of any graph has two makers; compiling says so of one that has.
  bool makes_values_once() {
    std::vector<Graph*> graphs;
    collect_graphs(model_.graph, graphs);
    return std::all_of(graphs.begin(), graphs.end(), [](const Graph* graph) {
      std::vector<char> made(graph->values.size(), 0);
      const auto makes = [&](ValueId id) {
        return id == no_value || std::exchange(made[static_cast<size_t>(id)], 1) == 0;
      };
      bool once = std::all_of(graph->inputs.begin(), graph->inputs.end(), makes);
      for (const Node& node : graph->nodes) once = once && std::all_of(node.outputs.begin(), node.outputs.end(), makes);
      // An initialiser may be the default of an input.
      for (ValueId id : graph->inputs) {
        if (id != no_value) made[static_cast<size_t>(id)] = 0;
      }
      return once && std::all_of(graph->initializers.begin(), graph->initializers.end(),
                                 [&](const Initializer& each) { return makes(each.value); });
    });
  }

  /// A Gradient node names tensors by attributes, which no pass looks at; a body of its own keeps what it needs.
  void complete_gradients() {
    std::vector<Graph*> graphs;
    collect_graphs(model_.graph, graphs);
    for (Graph* graph : graphs) {
      if (const auto completed = with_gradient_bodies(*graph)) *graph = *completed;
    }
  }

  bool is_skipped(std::string_view pass) const {
    return std::find(options_.skip.begin(), options_.skip.end(), pass) != options_.skip.end();
  }

  /// All that a rewrite of the whole model does counts as one patch: it cannot stop half-way.
  void run_model_pass(const ModelPass& pass) {
    ModelChanges changes;
    pass.run(model_, changes);
    if (!changes.done.empty()) facts_.clear();
    for (std::string& note : changes.notes) report_.notes.push_back(std::move(note));
    if (changes.done.empty()) return;
    std::string what = changes.done.front();
    if (changes.done.size() > 1) what += ", and " + std::to_string(changes.done.size() - 1) + " more";
    report_.patches.push_back({std::string(pass.name), std::move(what), {}});
    if (counter_) report_.patches.back().saved = counter_->of_whole();
  }

  bool run_pass(const Pass& pass) {
    std::vector<Graph*> graphs;
    collect_graphs(model_.graph, graphs);
    if (facts_.empty()) facts_ = infer_all(model_);
    bool changed = false;
    // Inner graphs come first: a node that is removed may own graphs.
    for (auto graph = graphs.rbegin(); graph != graphs.rend(); ++graph) {
      const auto known = facts_.find(*graph);
      if (known == facts_.end()) continue;
      GraphView view(**graph, model_.opset_imports, known->second);
      changed |= apply_all(pass, **graph, pass.find(view));
    }
    if (changed) facts_.clear();
    return changed;
  }

  /// Node indices in the patches are those of the graph that the pass saw, so they are applied as one.
  bool apply_all(const Pass& pass, Graph& graph, std::vector<Patch> patches) {
    const size_t left = options_.max_patches - std::min(options_.max_patches, report_.patches.size());
    if (patches.size() > left) patches.resize(left);
    if (patches.empty()) return false;
    for (const Patch& patch : patches) report_.patches.push_back({std::string(pass.name), patch.what, {}});
    if (counter_) counter_->begin(graph, patches);
    apply_patches(graph, patches);
    const std::vector<Saving> saved = counter_ ? counter_->end(graph, patches) : std::vector<Saving>();
    for (size_t i = 0; i < saved.size(); ++i) {
      report_.patches[report_.patches.size() - saved.size() + i].saved = saved[i];
    }
    return true;
  }

  ModelDef& model_;
  const OptimizeOptions& options_;
  std::map<const Graph*, Facts> facts_;  ///< empty when the model has changed since they were found
  std::optional<SavingCounter> counter_;
  OptimizeReport report_;
};

}  // namespace

OptimizeReport optimize(ModelDef& model, const OptimizeOptions& options) { return Driver(model, options).run(); }

}  // namespace kiln
