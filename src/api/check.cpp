#include "kiln/check.hpp"

#include "check/check_model.hpp"
#include "kiln/error.hpp"
#include "kiln/kiln.hpp"

namespace kiln {
namespace {

std::vector<CheckFinding> as_public(std::vector<Finding> findings) {
  std::vector<CheckFinding> result;
  for (Finding& finding : findings) {
    result.push_back({finding.severity == Finding::Severity::error, std::move(finding.rule), std::move(finding.place),
                      std::move(finding.message), std::move(finding.help)});
  }
  return result;
}

}  // namespace

std::vector<CheckFinding> check_file(const std::string& path) {
  if (!Engine::is_engine_file(path)) return as_public(check_onnx_file(path));
  try {
    Engine::verify_file(path);
  } catch (const Error& error) {
    return {{.rule = "damaged-engine", .place = path, .message = error.what(), .help = "make the engine anew"}};
  }
  return {};
}

std::vector<CheckFinding> check_memory(std::span<const std::byte> bytes, const std::string& external_folder) {
  ReadOptions options;
  options.external_folder = external_folder;
  // The bytes outlive the call, so that nothing need be copied.
  const std::shared_ptr<const void> keeper(bytes.data(), [](const void*) {});
  return as_public(check_onnx_memory(bytes, keeper, options));
}

}  // namespace kiln
