#include <string>
#include <unordered_map>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

constexpr size_t largest_shared_bytes = 1024;

std::string key_of(const Tensor& tensor) {
  std::string key = std::to_string(static_cast<int>(tensor.dtype())) + to_string(tensor.shape());
  key.append(static_cast<const char*>(tensor.raw()), tensor.bytes());
  return key;
}

}  // namespace

/// Small constants of the same type, shape and bits become one, so that nodes that read them can be seen to be equal.
std::vector<Patch> find_equal_constants(GraphView& view) {
  std::vector<Patch> patches;
  const Graph& graph = view.graph();
  std::unordered_map<std::string, ValueId> first;
  for (const Initializer& initializer : graph.initializers) {
    const ValueId id = initializer.value;
    const Tensor* tensor = view.constant(id);
    if (!tensor || tensor->dtype() == DType::string || tensor->bytes() > largest_shared_bytes) continue;
    const auto [known, is_new] = first.try_emplace(key_of(*tensor), id);
    if (is_new || known->second == id || view.readers(id).empty() || !view.can_replace(id, known->second)) continue;
    patches.push_back({.what = "let readers of '" + graph.name_of(id) + "' read the equal constant '" +
                               graph.name_of(known->second) + "'",
                       .replace = {{id, known->second}}});
  }
  return patches;
}

}  // namespace kiln::passes
