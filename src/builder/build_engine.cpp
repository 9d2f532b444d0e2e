#include "builder/build_engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "builder/problem_key.hpp"
#include "builder/sizes.hpp"
#include "builder/timing_cache.hpp"
#include "builder/typical_shapes.hpp"
#include "builder/verify_engine.hpp"
#include "graph/copy_model.hpp"
#include "passes/optimize.hpp"

namespace kiln {
namespace {

/// Who does what in an engine.
std::string choices_of(const EngineDef& engine) {
  std::string text;
  const Graph& graph = engine.model().graph;
  const Machine& machine = *engine.machine();
  for (size_t ways = 0; ways <= machine.others.size(); ++ways) {
    for (const MachineStep& step : machine.ways(ways)) {
      for (size_t index : step.group.nodes) text += graph.nodes[index].op_type + " " + graph.nodes[index].name + ",";
      text += fmt::format("{} {} {};", step.tactic != nullptr ? step.tactic->name : "-",
                          fmt::join(step.tuning.numbers, ","), formats_text(step.formats));
    }
    text += "/";
  }
  for (const Bucket& bucket : machine.buckets) {
    for (const Shape& shape : bucket.inputs) text += to_string(shape);
    text += fmt::format(" {},", bucket.ways);
  }
  for (const Body& body : engine.machine()->bodies) {
    const std::string which = body.which ? std::to_string(*body.which) : "-";
    text += fmt::format("[{} {}: {}]", body.node, which, choices_of(*body.engine));
  }
  return text;
}

/// Under which the timing cache keeps that this engine is right.
std::string verified_key(const EngineDef& engine, const std::string& identity) {
  const std::string text = identity + KILN_VERSION + choices_of(engine);
  const std::string digest = hex(sha256(std::as_bytes(std::span(text))));
  return fmt::format("{}\t{}\tkernels {}\tverified {}", cpu_name(), isa_name(engine.machine()->isa), kernel_version,
                     digest);
}

VerifyResult verify(const ModelDef& original, const std::shared_ptr<const EngineDef>& engine,
                    const BuildOptions& options, const std::string& identity) {
  const std::string path = identity.empty() || options.tune == Tune::off ? "" : timing_cache_path();
  const std::string key = path.empty() ? "" : verified_key(*engine, identity);
  TimingCache cache;
  if (!path.empty()) {
    cache.load(path);
    if (const auto before = cache.find(key)) return {.done = true, .difference = before->seconds};
  }
  if (options.progress) options.progress({.what = "holding the engine against the reference", .done = 1, .total = 1});
  const VerifyResult result = verify_engine(original, engine, sizes_to_build(*engine, options).first);
  if (!path.empty() && result.done) {
    cache.put(key, {TimingCache::rounded(result.difference), true});
    cache.save(path);
  }
  return result;
}

}  // namespace

std::shared_ptr<const EngineDef> build_engine(ModelDef model, const BuildOptions& options, const std::string& identity,
                                              std::optional<Isa> isa) {
  const ModelDef original = options.verify ? copy_model(model) : ModelDef();
  std::map<std::string, Shape> shapes;
  OptimizeOptions rewriting;
  if (!options.rewrite) {
    for (const Pass& pass : all_passes()) rewriting.skip.emplace_back(pass.name);
  }
  if (options.report != nullptr) {
    // Never run, so that no weights need be copied to where code could read them.
    EngineDef::create(copy_model(model), [&](const EngineDef& plain) {
      shapes = typical_input_shapes(plain, sizes_to_build(plain, options).first);
      return Machine();
    });
    rewriting.count_savings_for = &shapes;
  }
  const OptimizeReport passes = optimize(model, rewriting);
  auto engine = EngineDef::create(std::move(model), [&](const EngineDef& e) { return build_machine(e, options, isa); });
  VerifyResult verified;
  if (options.verify) verified = verify(original, engine, options, identity);
  if (options.report != nullptr) {
    BuildReport& report = *options.report;
    report.nodes_before = passes.nodes_before, report.nodes_after = passes.nodes_after;
    for (const AppliedPatch& patch : passes.patches) {
      const Saving& saved = patch.saved;
      report.patches.push_back({patch.pass, patch.what, saved.nodes, saved.is_counted, saved.flops, saved.bytes});
    }
    report.verified = verified.done, report.difference = verified.difference;
    report.why_not_verified = verified.why_not;
  }
  return engine;
}

}  // namespace kiln
