#include "cli/subject.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "builder/build.hpp"
#include "builder/builder_knobs.hpp"
#include "builder/inner_results.hpp"
#include "cli/usage_error.hpp"
#include "formats/onnx/reader.hpp"
#include "passes/optimize.hpp"
#include "runtime/engine_file.hpp"

namespace kiln::cli {
namespace {

/// What Kiln runs itself.
class KilnSubject : public Subject {
 public:
  KilnSubject(std::string title, std::shared_ptr<const EngineDef> engine, uint64_t seed)
      : title_(std::move(title)), engine_(std::move(engine)), seed_(seed) {}

  std::string title() const override { return title_; }
  std::vector<std::string> inner() const override { return inner_results(*engine_); }

  std::map<std::string, Value> run(const std::vector<FedInput>& fed, const std::vector<std::string>& inner) override {
    std::vector<Feed> feeds;
    for (const FedInput& input : fed) feeds.push_back({input.name, input.value});
    ways_ = ways_for(*engine_, feeds);
    const auto engine = inner.empty() ? engine_ : with_results(*engine_, inner);
    std::vector<Value> values = run_all(engine, feeds, seed_);
    std::map<std::string, Value> named;
    for (size_t i = 0; i < values.size(); ++i) named.emplace(engine->outputs()[i].name, std::move(values[i]));
    return named;
  }

  std::string maker(const std::string& value) const override {
    const Graph& graph = engine_->model().graph;
    const ValueId id = graph.find_value(value);
    const auto makes = [&](const auto& outputs) {
      return id != no_value && std::find(outputs.begin(), outputs.end(), id) != outputs.end();
    };
    for (const MachineStep& step : engine_->machine() ? engine_->machine()->ways(ways_) : std::vector<MachineStep>()) {
      if (!makes(step.group.outputs)) continue;
      const size_t node = step.group.nodes.front();
      return fmt::format("{}, by {}", graph.nodes[node].describe(node), done_by(step));
    }
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (makes(graph.nodes[i].outputs)) return graph.nodes[i].describe(i);
    }
    return "";
  }

  std::shared_ptr<const EngineDef> engine() const override { return engine_->machine() ? engine_ : nullptr; }

 private:
  std::string title_;
  std::shared_ptr<const EngineDef> engine_;
  uint64_t seed_;
  size_t ways_ = 0;  ///< that the last run took
};

}  // namespace

SubjectName parse_subject(const std::string& text) {
  using Kind = SubjectName::Kind;
  const std::pair<std::string_view, Kind> prefixes[] = {
      {"ref:", Kind::reference}, {"onnx:", Kind::optimized}, {"ort:", Kind::onnxruntime}};
  SubjectName name{Kind::optimized, text};
  bool is_prefixed = false;
  for (const auto& [prefix, kind] : prefixes) {
    if (!text.starts_with(prefix)) continue;
    name = {kind, text.substr(prefix.size())};
    is_prefixed = true;
  }
  require_file(name.path);
  const bool is_engine = is_engine_file(name.path);
  if (!is_prefixed && is_engine) name.kind = Kind::engine;
  if (is_prefixed && is_engine && name.kind != Kind::reference) {
    fail_usage("{}: found an engine, expected an ONNX file", text);
  }
  return name;
}

ModelDef read_model(const std::string& path) {
  return is_engine_file(path) ? EngineFile::open(path).model() : read_onnx_file(path);
}

std::unique_ptr<Subject> open_subject(const SubjectName& name, uint64_t seed) {
  using Kind = SubjectName::Kind;
  switch (name.kind) {
    case Kind::reference:
      return std::make_unique<KilnSubject>("the reference code on " + name.path,
                                           EngineDef::create(read_model(name.path)), seed);
    case Kind::engine:
      return std::make_unique<KilnSubject>("the engine " + name.path, EngineFile::open(name.path).engine(), seed);
    case Kind::onnxruntime: return open_onnxruntime(name.path);
    case Kind::optimized: break;
  }
  ModelDef model = read_model(name.path);
  optimize(model);
  auto engine = EngineDef::create(
      std::move(model), [](const EngineDef& e) { return build_machine(e, {.tune = session_tune_knob.get()}); });
  return std::make_unique<KilnSubject>(name.path + " as Kiln optimises it", std::move(engine), seed);
}

}  // namespace kiln::cli
