#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// The element types that casts are compiled for.
enum class CastType : uint8_t { f32, f64, i64, i32, u8, i8, boolean, half, brain, count };

using CastFunction = void (*)(const void* from, void* to, int64_t count);

struct CastTable {
  CastFunction loops[static_cast<int>(CastType::count)][static_cast<int>(CastType::count)];  ///< [from][to], or null
};
const CastTable& cast_table(Isa isa);

}  // namespace kiln
