#pragma once

#include "tactics/tactic.hpp"

/// Every tactic there is, each defined in the file of its operators' family.
namespace kiln::tactics {

// attention.cpp
extern const Tactic attention_blocked;
// conv.cpp
extern const Tactic conv_depthwise, conv_first, conv_winograd, conv_direct, conv_transposed;
// gemm.cpp
extern const Tactic gemm_packed, gemm_dynamic;
// rnn.cpp
extern const Tactic recurrence_packed;

}  // namespace kiln::tactics
