#include "builder/engine_origin.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <set>

#include "base/cpu.hpp"
#include "base/mapped_file.hpp"
#include "base/thread_pool.hpp"
#include "builder/profiles.hpp"
#include "graph/captures.hpp"

namespace kiln {
namespace {

void collect_locations(const Graph& graph, std::set<std::string>& locations) {
  for (const Initializer& initializer : graph.initializers) {
    for (const auto& [key, value] : initializer.external) {
      if (key == "location") locations.insert(value);
    }
  }
  for (const Node& node : graph.nodes) {
    for (const Graph* inner : subgraphs_of(node)) collect_locations(*inner, locations);
  }
}

SourceFile hashed(const OpenFile& file, std::string name) {
  const MappedFile mapping(file);
  mapping.advise(Advice::sequential);
  return {std::move(name), file.size(), sha256(mapping.data())};
}

}  // namespace

std::vector<SourceFile> source_files(const std::string& path, const ModelDef& model, const std::string& folder) {
  const std::filesystem::path file(path);
  std::vector<SourceFile> sources = {hashed(open_file(path), file.filename().string())};
  std::set<std::string> locations;
  collect_locations(model.graph, locations);
  for (const std::string& location : locations) {
    sources.push_back(hashed(open_beneath(folder.empty() ? file.parent_path().string() : folder, location), location));
  }
  return sources;
}

SourceFile source_in_memory(std::span<const std::byte> bytes) { return {"(memory)", bytes.size(), sha256(bytes)}; }

EngineRecord make_record(const BuildOptions& options, std::vector<SourceFile> sources) {
  constexpr const char* tunes[] = {"off", "fast", "full"};
  constexpr const char* preferences[] = {"balanced", "speed", "memory"};
  constexpr const char* maths[] = {"fast", "strict"};
  EngineRecord record;
  record.kiln_version = KILN_VERSION;
  record.cpu = cpu_name();
  record.threads = options.threads > 0 ? options.threads : default_pool().threads();
  record.options = {{"tune", tunes[static_cast<size_t>(options.tune)]},
                    {"prefer", preferences[static_cast<size_t>(options.prefer)]},
                    {"math", maths[static_cast<size_t>(options.math)]}};
  // The default is not told: engines that need no provider are the same wherever they are made.
  if (!options.providers.empty()) {
    record.options.emplace_back("providers", fmt::format("{}", fmt::join(options.providers, ",")));
  }
  if (!options.profiles.empty()) record.options.emplace_back("profile", profiles_text(options.profiles));
  record.sources = std::move(sources);
  return record;
}

}  // namespace kiln
