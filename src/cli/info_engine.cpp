#include "cli/info_engine.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "cli/fields.hpp"
#include "cli/json.hpp"
#include "cli/shape_options.hpp"
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

/// "x 1x3x640x640"
std::string size_name(const EngineSize& size) {
  std::string text;
  for (const auto& [name, shape] : size.shapes) {
    text += (text.empty() ? "" : ", ") + printable(name) + " " + shape_text(shape);
  }
  return text;
}

/// "1x3x?x640", where -1 is any.
std::string open_shape_text(const Shape& shape) {
  std::string text;
  for (const int64_t dim : shape) text += (text.empty() ? "" : "x") + (dim < 0 ? "?" : std::to_string(dim));
  return text;
}

/// "x from 1x3x32x32 to 1x3x4096x4096, mostly 1x3x640x640"
std::string profile_text(const Profile& profile) {
  std::string text;
  for (const auto& [name, range] : profile) {
    text += text.empty() ? "" : "; ";
    if (!name.empty()) text += printable(name) + " ";
    if (range.least == range.largest) {
      text += open_shape_text(range.typical);
    } else {
      text += fmt::format("from {} to {}", open_shape_text(range.least), open_shape_text(range.largest));
      const bool says_typical =
          std::none_of(range.typical.begin(), range.typical.end(), [](int64_t d) { return d < 0; });
      if (says_typical) text += ", mostly " + open_shape_text(range.typical);
    }
  }
  return text;
}

std::string done_by(const EngineStep& step) {
  const std::string tactic = step.tactic.empty() ? "reference" : step.tactic;
  return tactic + (step.tuning.empty() ? "" : ", " + step.tuning);
}

Json step_json(const EngineStep& step) {
  return {{"nodes", step.nodes},
          {"ops", step.ops},
          {"tactic", step.tactic.empty() ? "reference" : step.tactic},
          {"tuning", step.tuning},
          {"seconds", number_json(step.seconds)},
          {"measured", step.measured},
          {"packed_bytes", step.packed_bytes}};
}

Json size_json(const EngineSize& size) {
  Json shapes = Json::object(), changes = Json::array();
  for (const auto& [name, shape] : size.shapes) shapes[name] = shape;
  for (const auto& [number, step] : size.changes) {
    Json change = step_json(step);
    change["step"] = number;
    changes.push_back(std::move(change));
  }
  return {{"shapes", shapes}, {"seconds", number_json(size.seconds)}, {"changes", changes}};
}

Json variant_json(const EngineVariant& variant) {
  Json steps = Json::array(), sizes = Json::array();
  for (const EngineStep& step : variant.steps) steps.push_back(step_json(step));
  for (const EngineSize& size : variant.sizes) sizes.push_back(size_json(size));
  return {{"isa", variant.isa},
          {"cpu_features", variant.cpu_features},
          {"seconds", number_json(total_seconds(variant))},
          {"packed_bytes", variant.packed_bytes},
          {"steps", steps},
          {"sizes", sizes}};
}

Json info_json(const EngineInfo& info) {
  Json options = Json::object(), sources = Json::array(), variants = Json::array(), sections = Json::array();
  for (const auto& [name, value] : info.options) options[name] = value;
  for (const EngineSource& source : info.sources) {
    sources.push_back({{"name", source.name}, {"bytes", source.bytes}, {"sha256", source.sha256}});
  }
  for (const EngineVariant& variant : info.variants) variants.push_back(variant_json(variant));
  Json profiles = Json::array();
  for (const Profile& profile : info.profiles) {
    Json inputs = Json::object();
    for (const auto& [name, range] : profile) {
      inputs[name] = {{"least", range.least}, {"typical", range.typical}, {"largest", range.largest}};
    }
    profiles.push_back(std::move(inputs));
  }
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
          {"profiles", profiles},
          {"sources", sources},
          {"file_bytes", info.file_bytes},
          {"sections", sections},
          {"variants", variants}};
}

void print_size(const EngineVariant& variant, const EngineSize& size) {
  fmt::print("\n");
  const std::string ways = &size == variant.sizes.data() ? "as above"
                           : size.changes.empty()        ? "in the ways of the first size"
                                                         : fmt::format("{} steps in other ways", size.changes.size());
  print_field("size", fmt::format("{}: {:.3f} ms a run, {}", size_name(size), size.seconds * 1e3, ways));
  if (size.changes.empty()) return;
  Table table({{"nodes"}, {"operators"}, {"done by"}, {"us", Table::Align::right}, {"packed", Table::Align::right}});
  for (const auto& [number, step] : size.changes) {
    table.add({printable(step.nodes.empty() ? "" : step.nodes.front()), step.ops, done_by(step),
               fmt::format("{}{:.1f}", step.measured ? "" : "~", step.seconds * 1e6),
               step.packed_bytes == 0 ? "" : mebibytes(step.packed_bytes)});
  }
  table.print();
}

void print_variant(const EngineVariant& variant) {
  fmt::print("\n");
  const std::string needs = variant.cpu_features.empty() ? "nothing special" : joined(variant.cpu_features, " ");
  print_field("for", fmt::format("{}, which needs {}", variant.isa, needs));
  print_field("expected", fmt::format("{:.3f} ms a run, with {} of packed weights", total_seconds(variant) * 1e3,
                                      mebibytes(variant.packed_bytes)));
  fmt::print("\n");
  Table table({{"nodes"}, {"operators"}, {"done by"}, {"us", Table::Align::right}, {"packed", Table::Align::right}});
  for (const EngineStep& step : variant.steps) {
    const std::string name = step.nodes.empty() ? "" : step.nodes.front();
    const std::string more = step.nodes.size() > 1 ? fmt::format(" +{}", step.nodes.size() - 1) : "";
    table.add({printable(name) + more, step.ops, done_by(step),
               fmt::format("{}{:.1f}", step.measured ? "" : "~", step.seconds * 1e6),
               step.packed_bytes == 0 ? "" : mebibytes(step.packed_bytes)});
  }
  table.print();
  for (const EngineSize& size : variant.sizes) print_size(variant, size);
}

}  // namespace

void print_engine_info(const std::string& path, bool json) {
  const EngineInfo info = Engine::read_info(path);
  if (json) return print_json(info_json(info));
  print_field("engine", fmt::format("format {}, by Kiln {}, {}", info.format_version, printable(info.kiln_version),
                                    mebibytes(info.file_bytes)));
  print_field("built on", fmt::format("{}, for {} threads", printable(info.cpu), info.threads));
  std::vector<std::string> options;
  for (const auto& [name, value] : info.options) {
    if (name != "profile") options.push_back(printable(name) + " " + printable(value));
  }
  print_field("options", joined(options, ", "));
  for (const Profile& profile : info.profiles) print_field("profile", profile_text(profile));
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
