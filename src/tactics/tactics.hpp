#pragma once

#include "tactics/tactic.hpp"

/// Every tactic there is, each defined in the file of its operators' family.
namespace kiln::tactics {

// conv.cpp
extern const Tactic conv_depthwise, conv_first, conv_winograd, conv_direct, conv_transposed;
// gemm.cpp
extern const Tactic gemm_packed, gemm_dynamic;

// copy.cpp, pad.cpp
extern const Tactic transpose_boxes, concat_boxes, split_boxes, slice_boxes, expand_boxes, tile_boxes,
    depth_to_space_boxes, space_to_depth_boxes, pad_boxes;
// channels.cpp
extern const Tactic concat_channels, split_channels, slice_channels;

}  // namespace kiln::tactics
