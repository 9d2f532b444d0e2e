#pragma once

#include "tactics/tactic.hpp"

/// Every tactic there is, each defined in the file of its operators' family.
namespace kiln::tactics {

// conv.cpp
extern const Tactic conv_depthwise, conv_first, conv_winograd, conv_direct, conv_transposed;
// elementwise.cpp
extern const Tactic elementwise;
// gemm.cpp
extern const Tactic gemm_packed, gemm_dynamic;

}  // namespace kiln::tactics
