#pragma once

#include "tactics/tactic.hpp"

/// Every tactic there is, each defined in the file of its operators' family.
namespace kiln::tactics {

// attention.cpp
extern const Tactic attention_blocked;
// conv.cpp
extern const Tactic conv_depthwise, conv_first, conv_winograd, conv_direct, conv_paired, conv_narrow, conv_transposed,
    conv_transposed_narrow, conv_transposed_winograd;
// elementwise.cpp
extern const Tactic elementwise;
// gemm.cpp
extern const Tactic gemm_packed, gemm_fixed, gemm_paired, gemm_strassen, gemm_dynamic;
// pool.cpp
extern const Tactic pool_window, pool_global;
// norm.cpp
extern const Tactic softmax, layer_norm, batch_norm, group_norm, local_response_norm;
// resize.cpp
extern const Tactic resize_image;
// roi_align.cpp
extern const Tactic roi_align;
// reduce.cpp
extern const Tactic reduce_axes, arg_reduce, topk, cum_sum;

// copy.cpp, pad.cpp
extern const Tactic transpose_boxes, concat_boxes, split_boxes, slice_boxes, expand_boxes, tile_boxes,
    depth_to_space_boxes, space_to_depth_boxes, pad_boxes;
// channels.cpp
extern const Tactic concat_channels, split_channels, slice_channels;
// gather.cpp, cast.cpp
extern const Tactic gather_rows, gather_elements, cast_loops;
// rnn.cpp
extern const Tactic recurrence_packed, recurrence_paired;

}  // namespace kiln::tactics
