#include <fmt/format.h>

#include "base/nearest.hpp"
#include "check/checker.hpp"
#include "graph/captures.hpp"
#include "ops/custom.hpp"

namespace kiln::check {
namespace {

std::string shown(std::string_view domain) { return domain.empty() ? "ai.onnx" : std::string(domain); }

bool is_internal(std::string_view attribute) { return attribute.starts_with("__"); }

std::string count_text(size_t low, size_t high) {
  if (high == SIZE_MAX) return fmt::format("{} or more", low);
  return low == high ? std::to_string(low) : fmt::format("{} to {}", low, high);
}

/// One node and its place, while its rules look at it.
class NodeRules {
 public:
  NodeRules(Walk& walk, const Scope& scope, const Node& node, size_t index)
      : walk_(walk), scope_(scope), node_(node), place_(place_of(walk, scope.graph, node, index)) {}

  void run() {
    if (node_.inputs.empty() && node_.outputs.empty()) error("empty-node", "it has neither inputs nor outputs");
    check_attributes_themselves();
    const Function* function = walk_.model.find_function(node_.domain, node_.op_type, node_.overload);
    const auto opset = walk_.opsets->find(node_.domain);
    if (opset == walk_.opsets->end()) {
      error("opset-missing",
            fmt::format("{} imports no opset for domain '{}'",
                        walk_.function ? "function '" + walk_.function->name + "'" : "the model", shown(node_.domain)),
            "Add an opset_import for this domain.");
    }
    if (function) {
      check_call(*function);
    } else if (opset != walk_.opsets->end()) {
      check_operator(opset->second);
    }
    for_each_subgraph(node_, [&](const Graph& subgraph) { check_graph(walk_, subgraph, &scope_); });
  }

 private:
  void error(std::string rule, std::string message, std::string help = {}) {
    walk_.findings.error(std::move(rule), place_, std::move(message), std::move(help));
  }

  void check_attributes_themselves() {
    std::set<std::string_view> seen;
    for (const Attribute& attribute : node_.attributes) {
      if (!seen.insert(attribute.name).second) {
        error("duplicate-attribute", fmt::format("attribute '{}' stands there twice", attribute.name));
      }
      if (!attribute.ref_name.empty()) check_reference(attribute);
    }
  }

  void check_reference(const Attribute& attribute) {
    if (!walk_.function) {
      error("attribute-reference", fmt::format("attribute '{}' refers to '{}', but only functions have attributes to "
                                               "refer to",
                                               attribute.name, attribute.ref_name));
      return;
    }
    if (walk_.used_attributes) walk_.used_attributes->insert(attribute.ref_name);
    std::vector<std::string_view> names(walk_.function->attributes.begin(), walk_.function->attributes.end());
    for (const Attribute& known : walk_.function->attribute_defaults) names.push_back(known.name);
    for (std::string_view name : names) {
      if (name == attribute.ref_name) return;
    }
    error("attribute-reference",
          fmt::format("attribute '{}' refers to '{}', which function '{}' does not declare{}", attribute.name,
                      attribute.ref_name, walk_.function->name, suggestion(names, attribute.ref_name)));
  }

  void check_call(const Function& function) {
    if (node_.inputs.size() > function.body.inputs.size()) {
      error("input-count", fmt::format("it has {} inputs, function '{}' has {}", node_.inputs.size(), function.name,
                                       function.body.inputs.size()));
    }
    if (node_.outputs.size() > function.body.outputs.size()) {
      error("output-count", fmt::format("it has {} outputs, function '{}' has {}", node_.outputs.size(), function.name,
                                        function.body.outputs.size()));
    }
    std::set<std::string_view> known(function.attributes.begin(), function.attributes.end());
    for (const std::string& name : function.attributes) {
      if (!node_.find_attribute(name)) {
        error("missing-attribute", fmt::format("function '{}' needs the attribute '{}'", function.name, name));
      }
    }
    for (const Attribute& attribute : function.attribute_defaults) known.insert(attribute.name);
    for (const Attribute& attribute : node_.attributes) {
      if (known.contains(attribute.name)) continue;
      walk_.findings.warning("unknown-attribute", place_,
                             fmt::format("function '{}' has no attribute '{}'", function.name, attribute.name));
    }
  }

  void check_operator(int64_t version) {
    if (!find_op(node_.domain, node_.op_type)) return unknown_operator();
    const Schema* schema = find_schema(node_.domain, node_.op_type, version);
    if (!schema) {
      const OpDef& op = *find_op(node_.domain, node_.op_type);
      return error("unknown-operator",
                   fmt::format("opset {} of '{}' does not have {}, which came with {}", version, shown(node_.domain),
                               node_.op_type, op.versions.front().since),
                   fmt::format("Import opset {} or later.", op.versions.front().since));
    }
    if (schema->deprecated) {
      return error(
          "deprecated-operator",
          fmt::format("{} is not allowed since opset {}; the model imports {}", node_.op_type, schema->since, version),
          "Import an older opset, or export the model again.");
    }
    if (!schema->op->eval) {
      error("cannot-run", fmt::format("Kiln has no code for {}", node_.op_type));
    }
    check_arity(*schema);
    check_attributes(*schema);
  }

  void unknown_operator() {
    std::vector<std::string_view> names;
    for (const OpDef* op : all_ops()) {
      if (op->domain == canonical_domain(node_.domain)) names.push_back(op->name);
    }
    for (const Function& function : walk_.model.functions) {
      if (function.domain == node_.domain) names.push_back(function.name);
    }
    std::string help;
    if (names.empty()) {
      help =
          "Kiln has no operators of this domain: load the plugin that has them (--plugin), or export the model "
          "without them.";
    }
    error("unknown-operator",
          fmt::format("domain '{}' has no operator '{}', and the model no such function{}", shown(node_.domain),
                      node_.op_type, suggestion(names, node_.op_type)),
          help);
  }

  void check_arity(const Schema& schema) {
    const size_t inputs = node_.inputs.size(), outputs = node_.outputs.size();
    if (inputs < schema.min_inputs() || inputs > schema.max_inputs()) {
      error("input-count", fmt::format("it has {} inputs, {} has {}", inputs, node_.op_type,
                                       count_text(schema.min_inputs(), schema.max_inputs())));
    }
    if (outputs < schema.min_outputs() || outputs > schema.max_outputs()) {
      error("output-count", fmt::format("it has {} outputs, {} has {}", outputs, node_.op_type,
                                        count_text(schema.min_outputs(), schema.max_outputs())));
    }
    check_present(schema.inputs, node_.inputs, "input");
    check_present(schema.outputs, node_.outputs, "output");
  }

  void check_present(const std::vector<FormalParameter>& formal, const std::vector<ValueId>& actual,
                     std::string_view kind) {
    for (size_t i = 0; i < formal.size() && i < actual.size(); ++i) {
      if (formal[i].option == FormalParameter::Option::single && actual[i] == no_value) {
        error(fmt::format("missing-{}", kind), fmt::format("{} {} ({}) may not be left out", kind, i, formal[i].name));
      }
    }
  }

  void check_attributes(const Schema& schema) {
    for (const Attribute& attribute : node_.attributes) {
      const AttributeDef* known = schema.find_attribute(attribute.name);
      if (!known) {
        const bool takes_any = schema.attributes.empty() && is_custom(*schema.op);
        if (!is_internal(attribute.name) && !takes_any) unknown_attribute(schema, attribute);
      } else if (attribute.type != known->type) {
        error("attribute-type", fmt::format("attribute '{}' is of type {}, expected {}", attribute.name,
                                            attribute_type_name(attribute.type), attribute_type_name(known->type)));
      }
    }
    for (const AttributeDef& known : schema.attributes) {
      if (known.required && !node_.find_attribute(known.name)) {
        error("missing-attribute",
              fmt::format("the attribute '{}' ({}) is required", known.name, attribute_type_name(known.type)));
      }
    }
  }

  void unknown_attribute(const Schema& schema, const Attribute& attribute) {
    std::vector<std::string_view> names;
    for (const AttributeDef& known : schema.attributes) names.push_back(known.name);
    std::string note = suggestion(names, attribute.name);
    for (const Schema& other : schemas_of(*schema.op)) {
      if (!note.empty() || !other.find_attribute(attribute.name)) continue;
      note = other.since > schema.since ? fmt::format("; it came with opset {}", other.since)
                                        : fmt::format("; it was there in version {}", other.since);
    }
    error("unknown-attribute",
          fmt::format("{} of version {} has no attribute '{}'{}", node_.op_type, schema.since, attribute.name, note));
  }

  Walk& walk_;
  const Scope& scope_;
  const Node& node_;
  std::string place_;
};

}  // namespace

void check_node(Walk& walk, const Scope& scope, const Node& node, size_t index) {
  NodeRules(walk, scope, node, index).run();
}

}  // namespace kiln::check
