#include "formats/onnx/limits.hpp"

#include "formats/onnx/reader.hpp"

namespace kiln {

ReadLimits ReadLimits::from_knobs() {
  return {.nesting = onnx_max_nesting.get(),
          .nodes = onnx_max_nodes.get(),
          .tensor_bytes = onnx_max_tensor_bytes.get(),
          .unpacked_bytes = onnx_max_unpacked_bytes.get(),
          .string_bytes = onnx_max_string_bytes.get(),
          .rank = onnx_max_rank.get()};
}

KnobList onnx_knobs() {
  static KnobBase* const knobs[] = {&onnx_max_nesting,        &onnx_max_nodes,        &onnx_max_tensor_bytes,
                                    &onnx_max_unpacked_bytes, &onnx_max_string_bytes, &onnx_max_rank};
  return knobs;
}

}  // namespace kiln
