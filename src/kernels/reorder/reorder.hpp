#pragma once

#include <cstdint>

#include "base/cpu.hpp"
#include "kernels/layout.hpp"

namespace kiln {

/// Part `part` of `parts` of a copy from NCHW to a blocked tensor, with its halo and channel padding.
void nchw_to_blocked(const float* from, float* to, const BlockedLayout& layout, int64_t part, int64_t parts,
                     Isa isa = best_isa());
/// The way back.
void blocked_to_nchw(const float* from, const BlockedLayout& layout, float* to, int64_t part, int64_t parts,
                     Isa isa = best_isa());
/// The same for NHWC, row-major with the channels last.
void nhwc_to_blocked(const float* from, float* to, const BlockedLayout& layout, int64_t part, int64_t parts,
                     Isa isa = best_isa());
void blocked_to_nhwc(const float* from, const BlockedLayout& layout, float* to, int64_t part, int64_t parts,
                     Isa isa = best_isa());
/// A copy between blocked tensors that differ in halo, image_blocks or lines only; fails otherwise.
void blocked_to_blocked(const float* from, const BlockedLayout& in, float* to, const BlockedLayout& out, int64_t part,
                        int64_t parts);

}  // namespace kiln
