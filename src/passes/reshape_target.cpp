#include "passes/reshape_target.hpp"

namespace kiln::passes {

std::optional<std::vector<int64_t>> reshape_target(const SymShape* from, const SymShape& wanted) {
  std::vector<int64_t> target;
  size_t open = 0, copied = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].is_known()) {
      if (wanted[i].value() <= 0) return {};
      target.push_back(wanted[i].value());
      continue;
    }
    ++open;
    if (from && i < from->size() && (*from)[i] == wanted[i]) ++copied;
    target.push_back(0);
  }
  if (open == 1) {
    for (int64_t& dim : target) {
      if (dim == 0) dim = -1;
    }
  } else if (open != copied) {
    return {};
  }
  return target;
}

}  // namespace kiln::passes
