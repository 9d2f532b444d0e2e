#include "check/check_model.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "check/checker.hpp"

namespace kiln {
namespace {

/// Subgraphs and functions are inferred once for each use, so that the same fault may be found more than once.
std::vector<Finding> without_repeats(const std::vector<Finding>& findings) {
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
  std::vector<Finding> kept;
  for (const Finding& finding : findings) {
    if (seen.emplace(finding.rule, finding.place, finding.message).second) kept.push_back(finding);
  }
  std::stable_partition(kept.begin(), kept.end(),
                        [](const Finding& finding) { return finding.severity == Finding::Severity::error; });
  return kept;
}

void run_rules(const ModelDef& model, Diagnostics& findings) {
  check::Walk walk{.model = model, .findings = findings};
  OpsetImports opsets = model.opset_imports;
  if (opsets.empty() && model.ir_version < 3) opsets.emplace("", 1);
  walk.opsets = &opsets;
  check::check_header(walk);
  check::check_graph(walk, model.graph, nullptr);
  check::check_functions(walk);
  check::find_unused(walk, model.graph);
}

template <class Read>
std::vector<Finding> read_and_check(ReadOptions& options, Read&& read) {
  options.strict = true;
  Diagnostics findings(Diagnostics::Mode::collect);
  const ModelDef model = read(options, findings);
  const bool readable = !findings.has_errors();
  run_rules(model, findings);
  if (readable) {
    check::check_types(model, findings);
  } else {
    findings.warning("types-not-checked", "model",
                     "types and shapes were not checked, because the file has the faults "
                     "above",
                     "Mend them and check again.");
  }
  return without_repeats(findings.findings());
}

}  // namespace

std::vector<Finding> check_model(const ModelDef& model) {
  Diagnostics findings(Diagnostics::Mode::collect);
  run_rules(model, findings);
  check::check_types(model, findings);
  return without_repeats(findings.findings());
}

std::vector<Finding> check_onnx_file(const std::string& path, ReadOptions options) {
  return read_and_check(options, [&](const ReadOptions& strict, Diagnostics& findings) {
    return read_onnx_file(path, strict, &findings);
  });
}

std::vector<Finding> check_onnx_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                                       ReadOptions options) {
  return read_and_check(options, [&](const ReadOptions& strict, Diagnostics& findings) {
    return read_onnx_memory(bytes, std::move(keeper), strict, &findings);
  });
}

}  // namespace kiln
