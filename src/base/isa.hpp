#pragma once

#include <cstdint>

namespace kiln {

/// The instruction sets that kernels are compiled for. In a header of its own, since what is compiled for a wide one
/// must not bring code along that others share or that runs when the library is loaded.
enum class Isa : uint8_t {
  portable,  ///< what every machine of the architecture has
  avx2,      ///< with FMA and F16C
  avx512,    ///< avx2, and AVX-512 F, BW, DQ and VL
};

}  // namespace kiln
