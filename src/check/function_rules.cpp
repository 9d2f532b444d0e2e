#include <fmt/format.h>

#include <algorithm>

#include "check/checker.hpp"
#include "graph/captures.hpp"

namespace kiln::check {
namespace {

/// Calls deeper than this are not run.
constexpr size_t deepest_calls = 64;

std::string place_of(const Function& function) {
  const std::string overload = function.overload.empty() ? "" : ":" + function.overload;
  return fmt::format("function '{}{}{}{}'", function.domain, function.domain.empty() ? "" : ".", function.name,
                     overload);
}

void collect_callees(const ModelDef& model, const Graph& graph, std::set<const Function*>& callees) {
  for (const Node& node : graph.nodes) {
    if (const Function* callee = model.find_function(node.domain, node.op_type, node.overload)) callees.insert(callee);
    for_each_subgraph(node, [&](const Graph& subgraph) { collect_callees(model, subgraph, callees); });
  }
}

/// Looks for calls that lead back to their caller, and for chains that are too long.
class CallGraph {
 public:
  explicit CallGraph(Walk& walk) : walk_(walk) {
    for (const Function& function : walk.model.functions) {
      collect_callees(walk.model, function.body, callees_[&function]);
    }
  }

  void check() {
    for (const Function& function : walk_.model.functions) visit(&function);
  }

 private:
  void visit(const Function* function) {
    const auto on_path = std::find(path_.begin(), path_.end(), function);
    if (on_path != path_.end()) {
      std::string chain;
      for (auto step = on_path; step != path_.end(); ++step) chain += (*step)->name + " -> ";
      walk_.findings.error("recursive-function", place_of(*function),
                           fmt::format("it calls itself: {}{}", chain, function->name),
                           "Functions of a model may not be recursive; use Loop.");
      return;
    }
    if (!done_.insert(function).second) return;
    if (path_.size() >= deepest_calls) {
      walk_.findings.error("deep-calls", place_of(*function),
                           fmt::format("functions call each other more than {} deep", deepest_calls));
      return;
    }
    path_.push_back(function);
    for (const Function* callee : callees_[function]) visit(callee);
    path_.pop_back();
  }

  Walk& walk_;
  std::map<const Function*, std::set<const Function*>> callees_;
  std::vector<const Function*> path_;
  std::set<const Function*> done_;
};

template <class Names>
void check_unique(Walk& walk, const std::string& place, std::string_view what, const Names& names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) {
      walk.findings.error("duplicate-name", place, fmt::format("{} '{}' is declared twice", what, name));
    }
  }
}

void check_signature(Walk& walk, const Function& function, const std::string& place) {
  std::vector<std::string> outputs, attributes = function.attributes;
  for (ValueId id : function.body.outputs) outputs.push_back(function.body.name_of(id));
  for (const Attribute& attribute : function.attribute_defaults) attributes.push_back(attribute.name);
  check_unique(walk, place, "output", outputs);
  check_unique(walk, place, "attribute", attributes);
  if (function.name.empty()) walk.findings.error("missing-name", place, "a function has no name");
  if (walk.model.ir_version < 8) {
    walk.findings.warning("function-ir-version", place,
                          fmt::format("functions came with ir_version 8; the model says {}", walk.model.ir_version));
  }
}

/// A function may import other versions than the model only where its operators are the same in both.
void check_versions(Walk& walk, const Function& function, const Graph& graph, const std::string& place) {
  for (const Node& node : graph.nodes) {
    const auto own = function.opset_imports.find(node.domain), outer = walk.model.opset_imports.find(node.domain);
    if (own == function.opset_imports.end() || outer == walk.model.opset_imports.end()) continue;
    if (own->second == outer->second || !find_op(node.domain, node.op_type)) continue;
    const Schema* inside = find_schema(node.domain, node.op_type, own->second);
    const Schema* outside = find_schema(node.domain, node.op_type, outer->second);
    if (inside && outside && inside->since == outside->since) continue;
    walk.findings.error(
        "function-opset", place,
        fmt::format("it imports version {} of '{}' and the model version {}, between which {} changed", own->second,
                    node.domain.empty() ? "ai.onnx" : node.domain, outer->second, node.op_type),
        "Import the same version in both.");
  }
}

}  // namespace

void check_functions(Walk& walk) {
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
  for (const Function& function : walk.model.functions) {
    const std::string place = place_of(function);
    if (!seen.emplace(function.domain, function.name, function.overload).second) {
      walk.findings.error("duplicate-function", place, "the model has two functions of this domain, name and overload");
    }
    check_signature(walk, function, place);
    check_versions(walk, function, function.body, place);
    std::set<std::string, std::less<>> used;
    Walk inside{.model = walk.model,
                .findings = walk.findings,
                .function = &function,
                .opsets = &function.opset_imports,
                .used_attributes = &used};
    check_graph(inside, function.body, nullptr);
    find_unused(inside, function.body);
    for (const std::string& name : function.attributes) {
      if (!used.contains(name)) {
        walk.findings.warning("unused-attribute", place, fmt::format("attribute '{}' is used nowhere", name));
      }
    }
  }
  CallGraph(walk).check();
}

}  // namespace kiln::check
