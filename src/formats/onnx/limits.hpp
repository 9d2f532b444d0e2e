#pragma once

#include "base/knobs.hpp"

namespace kiln {

inline Knob<int64_t> onnx_max_nesting{"onnx_max_nesting",
                                      "KILN_ONNX_MAX_NESTING",
                                      64,
                                      "deepest nesting of subgraphs, types and values in an ONNX file",
                                      1,
                                      1000};
inline Knob<int64_t> onnx_max_nodes{"onnx_max_nodes", "KILN_ONNX_MAX_NODES", 2'000'000,
                                    "most nodes of an ONNX model, subgraphs and functions included", 1};
inline Knob<int64_t> onnx_max_tensor_bytes{"onnx_max_tensor_bytes", "KILN_ONNX_MAX_TENSOR_BYTES", int64_t{1} << 38,
                                           "largest tensor of an ONNX file, in bytes", 1};
inline Knob<int64_t> onnx_max_unpacked_bytes{
    "onnx_max_unpacked_bytes", "KILN_ONNX_MAX_UNPACKED_BYTES", int64_t{1} << 36,
    "most memory for the tensors of an ONNX file that cannot be used as the file has them", 1};
inline Knob<int64_t> onnx_max_string_bytes{"onnx_max_string_bytes", "KILN_ONNX_MAX_STRING_BYTES", int64_t{1} << 26,
                                           "longest name or text in an ONNX file, in bytes", 1};
inline Knob<int64_t> onnx_max_rank{"onnx_max_rank", "KILN_ONNX_MAX_RANK", 64, "most dims of a tensor or type", 1, 4096};

/// The knobs of reading ONNX.
KnobList onnx_knobs();

}  // namespace kiln
