#pragma once

#include "base/isa.hpp"
#include "base/small_floats.hpp"

/// Included by cast_portable.cpp only.
namespace kiln {

template <Isa isa>
void cast_f32_to_f16(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const float*>(from);
  auto* out = static_cast<f16*>(to);
  for (int64_t i = 0; i < count; ++i) out[i] = f16(in[i]);
}

template <Isa isa>
void cast_f16_to_f32(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const f16*>(from);
  auto* out = static_cast<float*>(to);
  for (int64_t i = 0; i < count; ++i) out[i] = in[i];
}

}  // namespace kiln
