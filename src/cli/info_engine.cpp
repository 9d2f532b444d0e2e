#include "cli/info_engine.hpp"

#include <fmt/core.h>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace kiln::cli {
namespace {

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : std::string(between)) + text;
  return all;
}

double total_seconds(const EngineVariant& variant) {
  double seconds = 0;
  for (const EngineStep& step : variant.steps) seconds += step.seconds;
  return seconds;
}

uint64_t packed_bytes(const EngineVariant& variant) {
  uint64_t bytes = 0;
  for (const EngineStep& step : variant.steps) bytes += step.packed_bytes;
  return bytes;
}

std::string mebibytes(uint64_t bytes) { return fmt::format("{:.2f} MiB", static_cast<double>(bytes) / (1 << 20)); }

Json variant_json(const EngineVariant& variant) {
  Json steps = Json::array();
  for (const EngineStep& step : variant.steps) {
    steps.push_back({{"nodes", step.nodes},
                     {"ops", step.ops},
                     {"tactic", step.tactic.empty() ? "reference" : step.tactic},
                     {"tuning", step.tuning},
                     {"seconds", number_json(step.seconds)},
                     {"measured", step.measured},
                     {"packed_bytes", step.packed_bytes}});
  }
  return {{"isa", variant.isa},
          {"cpu_features", variant.cpu_features},
          {"seconds", number_json(total_seconds(variant))},
          {"packed_bytes", packed_bytes(variant)},
          {"steps", steps}};
}

Json info_json(const EngineInfo& info) {
  Json options = Json::object(), sources = Json::array(), variants = Json::array(), sections = Json::array();
  for (const auto& [name, value] : info.options) options[name] = value;
  for (const EngineSource& source : info.sources) {
    sources.push_back({{"name", source.name}, {"bytes", source.bytes}, {"sha256", source.sha256}});
  }
  for (const EngineVariant& variant : info.variants) variants.push_back(variant_json(variant));
  for (const EngineSectionInfo& section : info.sections) {
    sections.push_back({{"name", section.name},
                        {"offset", section.offset},
                        {"bytes", section.bytes},
                        {"checksum", fmt::format("{:016x}", section.checksum)}});
  }
  return {{"format_version", info.format_version},
          {"kiln_version", info.kiln_version},
          {"cpu", info.cpu},
          {"threads", info.threads},
          {"options", options},
          {"sources", sources},
          {"file_bytes", info.file_bytes},
          {"sections", sections},
          {"variants", variants}};
}

void print_field(std::string_view name, const std::string& value) {
  fmt::print("{} {}\n", paint(fmt::format("{:<12}", name), Colour::bold), value);
}

void print_variant(const EngineVariant& variant) {
  fmt::print("\n");
  const std::string needs = variant.cpu_features.empty() ? "nothing special" : joined(variant.cpu_features, " ");
  print_field("for", fmt::format("{}, which needs {}", variant.isa, needs));
  print_field("expected", fmt::format("{:.3f} ms a run, with {} of packed weights", total_seconds(variant) * 1e3,
                                      mebibytes(packed_bytes(variant))));
  fmt::print("\n");
  Table table({{"nodes"}, {"operators"}, {"done by"}, {"us", Table::Align::right}, {"packed", Table::Align::right}});
  for (const EngineStep& step : variant.steps) {
    const std::string name = step.nodes.empty() ? "" : step.nodes.front();
    const std::string more = step.nodes.size() > 1 ? fmt::format(" +{}", step.nodes.size() - 1) : "";
    const std::string tactic = step.tactic.empty() ? "reference" : step.tactic;
    table.add({printable(name) + more, step.ops, tactic + (step.tuning.empty() ? "" : ", " + step.tuning),
               fmt::format("{}{:.1f}", step.measured ? "" : "~", step.seconds * 1e6),
               step.packed_bytes == 0 ? "" : mebibytes(step.packed_bytes)});
  }
  table.print();
}

}  // namespace

void print_engine_info(const std::string& path, bool json) {
  const EngineInfo info = Engine::read_info(path);
  if (json) return print_json(info_json(info));
  print_field("engine", fmt::format("format {}, by Kiln {}, {}", info.format_version, printable(info.kiln_version),
                                    mebibytes(info.file_bytes)));
  print_field("built on", fmt::format("{}, for {} threads", printable(info.cpu), info.threads));
  std::vector<std::string> options;
  for (const auto& [name, value] : info.options) options.push_back(printable(name) + " " + printable(value));
  print_field("options", joined(options, ", "));
  for (const EngineSource& source : info.sources) {
    print_field("source", fmt::format("{}, {} bytes, SHA-256 {}", printable(source.name), source.bytes, source.sha256));
  }
  fmt::print("\n");
  Table sections({{"section"}, {"offset", Table::Align::right}, {"bytes", Table::Align::right}, {"checksum"}});
  for (const EngineSectionInfo& section : info.sections) {
    sections.add({section.name, std::to_string(section.offset), std::to_string(section.bytes),
                  fmt::format("{:016x}", section.checksum)});
  }
  sections.print();
  for (const EngineVariant& variant : info.variants) print_variant(variant);
  fmt::print("\nTimes with ~ are by the cost model, the others were measured.\n");
}

}  // namespace kiln::cli
