#include <fmt/core.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/fields.hpp"
#include "cli/info_engine.hpp"
#include "cli/info_plan.hpp"
#include "cli/json.hpp"
#include "cli/shape_options.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "formats/onnx/reader.hpp"
#include "runtime/statistics.hpp"

namespace kiln::cli {
namespace {

struct InfoArguments {
  std::string model;
  std::vector<std::string> shapes;
  bool json = false, plan = false;
  std::string svg;
};

/// All that the command knows of a model, before it is written.
struct Report {
  ModelInfo info;
  std::vector<PortInfo> inputs, outputs;
  ModelSize size;
  ShapeBinding binding;
  RunCost cost;
};

Report examine(const InfoArguments& options) {
  Report report;
  {
    const Model model = Model::load(options.model);
    report.info = model.info();
    report.inputs = model.inputs();
    report.outputs = model.outputs();
  }
  const ModelDef definition = read_onnx_file(options.model);
  report.size = model_size(definition);
  report.binding = bind_ports(report.inputs, options.shapes, {});
  report.cost = run_cost(definition, report.binding);
  report.cost.assumptions.insert(report.cost.assumptions.begin(), report.binding.assumed.begin(),
                                 report.binding.assumed.end());
  return report;
}

std::string port_shape(const PortInfo& port) {
  if (!port.has_shape) return "[...]";
  std::string text = "[";
  for (size_t i = 0; i < port.shape.size(); ++i) {
    const PortDim& dim = port.shape[i];
    if (i > 0) text += ", ";
    text += dim.value >= 0 ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : printable(dim.symbol);
  }
  return text + "]";
}

/// 1234567 as 1.23 M; bytes by powers of 1024.
std::string scaled(double value, double base, const std::vector<std::string>& units) {
  size_t unit = 0;
  while (value >= base && unit + 1 < units.size()) {
    value /= base;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f}{}", value, units[0]) : fmt::format("{:.3g} {}", value, units[unit]);
}
std::string count_text(double value) { return scaled(value, 1000, {"", "K", "M", "G", "T", "P"}); }
std::string bytes_text(double value) { return scaled(value, 1024, {" B", "KiB", "MiB", "GiB", "TiB", "PiB"}); }

Json report_json(const Report& report) {
  Json inputs = Json::array(), outputs = Json::array(), operators = Json::array();
  for (const PortInfo& port : report.inputs) inputs.push_back(port_json(port));
  for (const PortInfo& port : report.outputs) outputs.push_back(port_json(port));
  for (const auto& [name, nodes] : report.size.operators) {
    const auto found = report.cost.operators.find(name);
    const OperatorCost cost = found == report.cost.operators.end() ? OperatorCost() : found->second;
    operators.push_back(
        {{"operator", name}, {"nodes", nodes}, {"runs", cost.runs}, {"flops", cost.flops}, {"bytes", cost.bytes}});
  }
  Json opsets = Json::object(), metadata = Json::object(), shapes = Json::object();
  for (const auto& [domain, version] : report.info.opsets) opsets[domain.empty() ? "ai.onnx" : domain] = version;
  for (const auto& [key, value] : report.info.metadata) metadata[key] = value;
  for (const auto& [name, shape] : report.binding.shapes) shapes[name] = shape;
  return {{"ir_version", report.info.ir_version},
          {"opsets", opsets},
          {"producer_name", report.info.producer_name},
          {"producer_version", report.info.producer_version},
          {"domain", report.info.domain},
          {"model_version", report.info.model_version},
          {"description", report.info.description},
          {"graph_name", report.info.graph_name},
          {"metadata", metadata},
          {"inputs", inputs},
          {"outputs", outputs},
          {"nodes", report.size.nodes},
          {"subgraphs", report.size.subgraphs},
          {"functions", report.size.functions},
          {"parameters", report.size.parameters},
          {"weight_bytes", report.size.weight_bytes},
          {"external_tensors", report.size.external_tensors},
          {"external_bytes", report.size.external_bytes},
          {"operators", operators},
          {"run",
           {{"input_shapes", shapes},
            {"flops", report.cost.flops},
            {"bytes_read", report.cost.bytes_read},
            {"bytes_written", report.cost.bytes_written},
            {"uncounted_nodes", report.cost.uncounted},
            {"assumptions", report.cost.assumptions}}}};
}

void print_known(std::string_view name, const std::string& value) {
  if (!value.empty()) print_field(name, value);
}

void print_ports(std::string_view heading, const std::vector<PortInfo>& ports) {
  fmt::print("\n");
  Table table({{std::string(heading)}, {"type"}, {"shape"}, {""}});
  for (const PortInfo& port : ports) {
    table.add({printable(port.name), port.type, port_shape(port), port.optional ? "optional" : ""});
  }
  table.print();
}

void print_operators(const Report& report) {
  std::vector<std::pair<std::string, int64_t>> operators(report.size.operators.begin(), report.size.operators.end());
  std::stable_sort(operators.begin(), operators.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  fmt::print("\n");
  Table table(
      {{"operator"}, {"nodes", Table::Align::right}, {"FLOPs", Table::Align::right}, {"bytes", Table::Align::right}});
  for (const auto& [name, nodes] : operators) {
    const auto found = report.cost.operators.find(name);
    const OperatorCost cost = found == report.cost.operators.end() ? OperatorCost() : found->second;
    table.add({printable(name), std::to_string(nodes), count_text(cost.flops), bytes_text(cost.bytes)});
  }
  table.print();
}

void print_report(const Report& report) {
  const ModelInfo& info = report.info;
  print_known("graph", printable(info.graph_name));
  print_known("producer",
              printable(info.producer_name + (info.producer_version.empty() ? "" : " " + info.producer_version)));
  std::string opsets;
  for (const auto& [domain, version] : info.opsets) {
    opsets +=
        (opsets.empty() ? "" : ", ") + printable(domain.empty() ? "ai.onnx" : domain) + " " + std::to_string(version);
  }
  print_field("opsets", fmt::format("{} (IR version {})", opsets, info.ir_version));
  print_known("description", printable(info.description));
  for (const auto& [key, value] : info.metadata) {
    print_field("metadata",
                printable(key) + " = " + printable(value.size() > 200 ? value.substr(0, 200) + "..." : value));
  }
  print_ports("input", report.inputs);
  print_ports("output", report.outputs);
  print_operators(report);
  fmt::print("\n");
  print_field("nodes", fmt::format("{} in the graph, {} subgraphs, {} functions", report.size.nodes,
                                   report.size.subgraphs, report.size.functions));
  print_field("parameters", fmt::format("{} in {}", count_text(static_cast<double>(report.size.parameters)),
                                        bytes_text(static_cast<double>(report.size.weight_bytes))));
  if (report.size.external_tensors > 0) {
    print_field("external", fmt::format("{} tensors, {}, outside the model file", report.size.external_tensors,
                                        bytes_text(static_cast<double>(report.size.external_bytes))));
  }
  print_field("one run", fmt::format("{} FLOPs, {} read, {} written", count_text(report.cost.flops),
                                     bytes_text(report.cost.bytes_read), bytes_text(report.cost.bytes_written)));
  if (report.cost.uncounted > 0) {
    print_field("", fmt::format("{} nodes are not counted: their shapes do not follow from those of the inputs",
                                report.cost.uncounted));
  }
  for (const std::string& text : report.cost.assumptions) print_field("assumed", printable(text));
}

}  // namespace

void add_info(CLI::App& program, int& exit_code) {
  CLI::App* command =
      program.add_subcommand("info", "Says what is in a model or an engine, and what a run of it costs.");
  command->footer(R"(A multiply-add is two FLOPs. Bytes are what a run moves if every node reads its inputs from memory
and writes its outputs there. Symbolic dims are 1 unless --shape says otherwise.
Of an engine, says what it was made of, what it needs, and who does each node; it need not be able to run here.

Examples:
  kiln info model.onnx
  kiln info model.onnx --shape x=8x3x224x224
  kiln info model.onnx --shape batch=8 --json
  kiln info model.kiln
  kiln info model.kiln --plan --shape x=1x3x640x640 --svg memory.svg)");
  auto options = std::make_shared<InfoArguments>();
  command->add_option("model", options->model, "an ONNX or engine file")->required()->type_name("MODEL");
  add_shape_option(*command, options->shapes);
  command->add_flag("--json", options->json, "print JSON");
  CLI::Option* const plan =
      command->add_flag("--plan", options->plan, "say how a run of these shapes goes: steps, bands and memory");
  command->add_option("--svg", options->svg, "with --plan, draw the memory over the steps into this file")
      ->type_name("FILE")
      ->needs(plan);
  command->callback([options, &exit_code] {
    require_file(options->model);
    if (options->plan) {
      print_plan(options->model, options->shapes, options->svg, options->json);
      exit_code = exit_good;
      return;
    }
    if (Engine::is_engine_file(options->model)) {
      print_engine_info(options->model, options->json);
      return;
    }
    const Report report = examine(*options);
    if (options->json) {
      print_json(report_json(report));
    } else {
      print_report(report);
    }
    exit_code = exit_good;
  });
}

}  // namespace kiln::cli
