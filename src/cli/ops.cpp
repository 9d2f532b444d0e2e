#include <fmt/core.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "ops/op.hpp"
#include "ops/schema.hpp"

namespace kiln::cli {
namespace {

std::string full_name(const OpDef& op) {
  return std::string(op.domain.empty() ? "ai.onnx" : op.domain) + "." + std::string(op.name);
}

std::string_view option_name(FormalParameter::Option option) {
  switch (option) {
    case FormalParameter::Option::single: return "single";
    case FormalParameter::Option::optional: return "optional";
    case FormalParameter::Option::variadic: return "variadic";
  }
  return "?";
}

Json default_json(const Attribute& attribute) {
  switch (attribute.type) {
    case AttributeType::int_: return std::get<int64_t>(attribute.data);
    case AttributeType::float_: return std::get<float>(attribute.data);
    case AttributeType::string: return std::get<std::string>(attribute.data);
    case AttributeType::ints: return std::get<std::vector<int64_t>>(attribute.data);
    case AttributeType::floats: return std::get<std::vector<float>>(attribute.data);
    case AttributeType::strings: return std::get<std::vector<std::string>>(attribute.data);
    default: return nullptr;
  }
}

/// As ONNX's AttributeType names it.
std::string_view type_name(AttributeType type) {
  return type == AttributeType::type_proto ? "type_proto" : attribute_type_name(type);
}

Json parameters_json(const std::vector<FormalParameter>& parameters) {
  Json list = Json::array();
  for (const FormalParameter& parameter : parameters) {
    list.push_back({{"name", parameter.name},
                    {"type", parameter.type},
                    {"option", option_name(parameter.option)},
                    {"homogeneous", parameter.homogeneous},
                    {"min_arity", parameter.min_arity}});
  }
  return list;
}

Json schema_json(const Schema& schema) {
  Json attributes = Json::array(), constraints = Json::array();
  for (const AttributeDef& attribute : schema.attributes) {
    attributes.push_back({{"name", attribute.name},
                          {"type", type_name(attribute.type)},
                          {"required", attribute.required},
                          {"default", default_json(attribute.default_value)}});
  }
  for (const TypeConstraint& constraint : schema.constraints) {
    constraints.push_back({{"name", constraint.name}, {"types", constraint.types}});
  }
  return {{"since", schema.since},
          {"deprecated", schema.deprecated},
          {"inputs", parameters_json(schema.inputs)},
          {"outputs", parameters_json(schema.outputs)},
          {"attributes", attributes},
          {"type_constraints", constraints}};
}

Json op_json(const OpDef& op) {
  Json versions = Json::array();
  for (const Schema& schema : schemas_of(op)) versions.push_back(schema_json(schema));
  return {{"domain", op.domain},
          {"name", op.name},
          {"implemented", op.eval != nullptr},
          {"shape_inference", op.infer != nullptr},
          {"random", op.random},
          {"versions", versions}};
}

/// "1, 6, 7, 13"; a version that does away with the operator is in brackets.
std::string version_list(const OpDef& op) {
  std::string text;
  for (const Schema& schema : schemas_of(op)) {
    text += (text.empty() ? "" : ", ") +
            (schema.deprecated ? fmt::format("({})", schema.since) : fmt::format("{}", schema.since));
  }
  return text;
}

/// tensor(float) -> f32, seq(tensor(int64)) -> seq(i64)
std::string short_type(std::string_view text) {
  const auto inside = [&](std::string_view wrapper) {
    return text.substr(wrapper.size(), text.size() - wrapper.size() - 1);
  };
  if (text.starts_with("tensor(")) return std::string(dtype_name(dtype_from_name(inside("tensor("))));
  if (text.starts_with("seq(")) return "seq(" + short_type(inside("seq(")) + ")";
  if (text.starts_with("optional(")) return "optional(" + short_type(inside("optional(")) + ")";
  if (text.starts_with("map(")) {
    const std::string_view pair = inside("map(");
    const size_t comma = pair.find(',');
    return "map(" + std::string(dtype_name(dtype_from_name(pair.substr(0, comma)))) + "," +
           short_type(pair.substr(comma + 1)) + ")";
  }
  return std::string(text);
}

std::string short_types(const std::vector<std::string>& types) {
  std::string text;
  for (const std::string& type : types) text += (text.empty() ? "" : " ") + short_type(type);
  return text;
}

/// What the newest version of an operator takes: the types of its first constraint, or of its first parameter.
std::string main_types(const OpDef& op) {
  const std::span<const Schema> schemas = schemas_of(op);
  for (auto schema = schemas.rbegin(); schema != schemas.rend(); ++schema) {
    if (schema->deprecated) continue;
    const auto& parameters = schema->inputs.empty() ? schema->outputs : schema->inputs;
    if (parameters.empty()) return "";
    const TypeConstraint* constraint = schema->find_constraint(parameters.front().type);
    return constraint ? short_types(constraint->types) : short_type(parameters.front().type);
  }
  return "";
}

void print_markdown() {
  fmt::print(
      "# Operators\n\nMade by `kiln ops --markdown`. Versions in brackets do away with the operator. The types are "
      "those that the "
      "first input\n(or output, where there is none) of the newest version may have.\n\n"
      "| operator | versions | runs | shapes | types |\n| --- | --- | --- | --- | --- |\n");
  for (const OpDef* op : all_ops()) {
    fmt::print("| {} | {} | {} | {} | {} |\n", full_name(*op), version_list(*op), op->eval ? "yes" : "no",
               op->infer ? "yes" : "no", main_types(*op));
  }
}

void print_table() {
  Table table({{"operator"}, {"versions"}, {"runs"}, {"shapes"}, {"types"}});
  const size_t widest = 60;
  size_t runs = 0, versions = 0;
  for (const OpDef* op : all_ops()) {
    runs += op->eval ? 1 : 0;
    versions += schemas_of(*op).size();
    std::string types = main_types(*op);
    if (types.size() > widest) types = types.substr(0, types.rfind(' ', widest)) + " ...";
    table.add({full_name(*op), version_list(*op), op->eval ? "yes" : "no", op->infer ? "yes" : "no", types});
  }
  table.print();
  fmt::print("\n{} operators in {} versions, {} of them run\n", all_ops().size(), versions, runs);
}

void print_parameters(std::string_view heading, const std::vector<FormalParameter>& parameters) {
  for (const FormalParameter& parameter : parameters) {
    fmt::print(
        "  {} {}: {}{}\n", heading, parameter.name, short_type(parameter.type),
        parameter.option == FormalParameter::Option::single ? "" : fmt::format(" ({})", option_name(parameter.option)));
  }
}

void print_op(const OpDef& op) {
  fmt::print("{}: {}\n", paint(full_name(op), Colour::bold), op.eval ? "implemented" : "not implemented");
  for (const Schema& schema : schemas_of(op)) {
    fmt::print("\n{}{}\n", paint(fmt::format("since opset {}", schema.since), Colour::bold),
               schema.deprecated ? " (deprecated)" : "");
    print_parameters("input", schema.inputs);
    print_parameters("output", schema.outputs);
    for (const AttributeDef& attribute : schema.attributes) {
      const Json value = default_json(attribute.default_value);
      fmt::print("  attribute {}: {}{}{}\n", attribute.name, attribute_type_name(attribute.type),
                 attribute.required ? " (required)" : "", value.is_null() ? "" : " = " + value.dump());
    }
    for (const TypeConstraint& constraint : schema.constraints) {
      fmt::print("  {}: {}\n", constraint.name, short_types(constraint.types));
    }
  }
}

/// "Conv", "ai.onnx.ml.Scaler" or "ai.onnx.ml:Scaler"; several domains may have a name.
std::vector<const OpDef*> select(const std::string& name) {
  std::vector<const OpDef*> found;
  std::string wanted = name;
  std::replace(wanted.begin(), wanted.end(), ':', '.');
  for (const OpDef* op : all_ops()) {
    if (op->name == wanted || full_name(*op) == wanted) found.push_back(op);
  }
  if (found.empty()) fail_usage("ONNX has no operator '{}' (see `kiln ops`)", name);
  return found;
}

}  // namespace

void add_ops(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("ops", "Lists the operators of ONNX, with all versions and types.");
  command->footer(R"(Examples:
  kiln ops
  kiln ops Conv
  kiln ops ai.onnx.ml.Scaler --json)");
  struct Options {
    std::string name;
    bool json = false, markdown = false;
  };
  auto options = std::make_shared<Options>();
  command->add_option("operator", options->name, "only this one, with all that its versions say")->type_name("OP");
  CLI::Option* json = command->add_flag("--json", options->json,
                                        "print JSON: every version with inputs, outputs, attributes and types");
  command->add_flag("--markdown", options->markdown, "print the table as Markdown (docs/ops.md)")->excludes(json);
  command->callback([options, &exit_code] {
    exit_code = exit_good;
    if (options->name.empty() && !options->json) {
      options->markdown ? print_markdown() : print_table();
      return;
    }
    const std::vector<const OpDef*> chosen =
        options->name.empty() ? std::vector<const OpDef*>(all_ops().begin(), all_ops().end()) : select(options->name);
    Json list = Json::array();
    for (const OpDef* op : chosen) {
      if (options->json) {
        list.push_back(op_json(*op));
      } else {
        print_op(*op);
      }
    }
    if (options->json) print_json(list);
  });
}

}  // namespace kiln::cli
