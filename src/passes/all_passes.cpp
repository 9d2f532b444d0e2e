#include "passes/all_passes.hpp"

#include <array>

#include "passes/optimize.hpp"

namespace kiln {

std::span<const Pass> all_passes() {
  static constexpr std::array list{
      Pass{"fold_constants", "compute what does not depend on the input", passes::find_constants},
      Pass{"remove_identities", "let readers of a copy read the original", passes::find_identities},
      Pass{"fold_batch_norm", "put BatchNormalization into the weights of the Conv before it",
           passes::find_batch_norms},
      Pass{"remove_dead_nodes", "drop nodes whose results nobody reads", passes::find_dead_nodes},
  };
  return list;
}

}  // namespace kiln
