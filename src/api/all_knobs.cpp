#include "api/all_knobs.hpp"

#include "base/base_knobs.hpp"
#include "builder/builder_knobs.hpp"
#include "formats/npy/npy.hpp"
#include "formats/onnx/limits.hpp"
#include "images/image.hpp"
#include "passes/passes_knobs.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {

KnobList all_knobs() {
  static const std::vector<KnobBase*> knobs = [] {
    std::vector<KnobBase*> joined;
    for (const KnobList list :
         {base_knobs(), runtime_knobs(), passes_knobs(), builder_knobs(), onnx_knobs(), npy_knobs(), image_knobs()}) {
      joined.insert(joined.end(), list.begin(), list.end());
    }
    return joined;
  }();
  return knobs;
}

}  // namespace kiln
