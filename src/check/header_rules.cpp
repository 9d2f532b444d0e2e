#include <fmt/format.h>

#include <algorithm>

#include "check/checker.hpp"
#include "ops/custom.hpp"

namespace kiln::check {
namespace {

/// The newest version of the file format that this build knows.
constexpr int64_t newest_ir_version = 14;

void check_ir_version(Walk& walk) {
  const int64_t version = walk.model.ir_version;
  if (version <= 0) {
    walk.findings.error("ir-version", "model",
                        fmt::format("ir_version is {}, expected 1 to {}", version, newest_ir_version),
                        "Set ir_version, or export the model again.");
  } else if (version > newest_ir_version) {
    walk.findings.error("ir-version", "model",
                        fmt::format("ir_version is {}; the newest that Kiln knows is {}", version, newest_ir_version),
                        "Export the model for an older version of ONNX, or use a newer Kiln.");
  }
}

void check_opset(Walk& walk, const std::string& domain, int64_t version) {
  const std::string shown = domain.empty() ? "ai.onnx" : domain;
  const std::string place = fmt::format("opset import '{}'", shown);
  if (version < 1 || version > INT32_MAX) {
    walk.findings.error("opset-version", place, fmt::format("version {} does not exist", version));
    return;
  }
  const auto known = known_opsets().find(domain);
  if (known == known_opsets().end()) return;
  if (version > known->second) {
    walk.findings.error("opset-too-new", place,
                        fmt::format("version {}; the newest that Kiln knows is {}", version, known->second),
                        "Export the model for an older opset (onnx.version_converter), or use a newer Kiln.");
  }
}

bool has_function_in(const ModelDef& model, std::string_view domain) {
  return std::any_of(model.functions.begin(), model.functions.end(),
                     [&](const Function& function) { return function.domain == domain; });
}

void check_opsets(Walk& walk) {
  const ModelDef& model = walk.model;
  if (model.opset_imports.empty() && model.ir_version >= 3) {
    walk.findings.error("opset-missing", "model",
                        fmt::format("no opset is imported, which ir_version {} requires", model.ir_version),
                        "Add an opset_import with the opset that the model was made for.");
  }
  if (!model.opset_imports.empty() && model.ir_version > 0 && model.ir_version < 3) {
    walk.findings.error(
        "opset-unexpected", "model",
        fmt::format("opsets are imported, which ir_version {} does not have; they came with 3", model.ir_version),
        "Set ir_version to 3 or later.");
  }
  for (const auto& [domain, version] : model.opset_imports) {
    check_opset(walk, domain, version);
    if (!known_opsets().contains(domain) && !has_custom_domain(domain) && !has_function_in(model, domain)) {
      walk.findings.warning("opset-domain", fmt::format("opset import '{}'", domain),
                            "Kiln has no operators of this domain, and the model no functions");
    }
  }
}

void check_keys(Walk& walk, const Metadata& metadata, const std::string& place) {
  std::set<std::string_view> keys;
  for (const auto& [key, value] : metadata) {
    if (!keys.insert(key).second) {
      walk.findings.error("duplicate-metadata", place, fmt::format("the metadata key '{}' stands there twice", key));
    }
  }
}

bool makes(const Graph& graph, const std::string& name) {
  for (ValueId id : graph.outputs) {
    if (graph.name_of(id) == name) return true;
  }
  return false;
}

bool has_initializer(const Graph& graph, const std::string& name) {
  const ValueId id = graph.find_value(name);
  return id != no_value && graph.find_initializer(id);
}

void check_bindings(Walk& walk, const TrainingInfo& info, const Metadata& bindings, const Graph& source,
                    std::string_view kind, const std::string& place) {
  std::set<std::string_view> seen;
  for (const auto& [target, value] : bindings) {
    if (!seen.insert(target).second) {
      walk.findings.error("training-binding", place, fmt::format("{} binds '{}' twice", kind, target));
    }
    if (!has_initializer(walk.model.graph, target) && !has_initializer(info.algorithm, target)) {
      walk.findings.error("training-binding", place,
                          fmt::format("{} binds '{}', which is no initialiser", kind, target));
    }
    if (!makes(source, value)) {
      walk.findings.error("training-binding", place,
                          fmt::format("{} takes '{}', which graph '{}' does not give", kind, value, source.name));
    }
  }
}

void check_training(Walk& walk) {
  for (size_t i = 0; i < walk.model.training_info.size(); ++i) {
    const TrainingInfo& info = walk.model.training_info[i];
    const std::string place = fmt::format("training info #{}", i);
    check_bindings(walk, info, info.initialization_binding, info.initialization, "initialization_binding", place);
    check_bindings(walk, info, info.update_binding, info.algorithm, "update_binding", place);
  }
}

}  // namespace

void check_header(Walk& walk) {
  check_ir_version(walk);
  check_opsets(walk);
  check_keys(walk, walk.model.metadata, "model");
  check_training(walk);
}

}  // namespace kiln::check
