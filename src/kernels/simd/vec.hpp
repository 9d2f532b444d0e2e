#pragma once

#include "base/isa.hpp"
#include "base/unroll.hpp"

namespace kiln {

/// A register's worth of T on an instruction set; vec_avx512.hpp and its like define it. All that a source compiled
/// for a wide instruction set instantiates must be a template over Isa (or be inlined for certain), so that the linker
/// never takes wide code for another instruction set's. min and max give their second argument if either is NaN.
template <class T, Isa isa>
struct Vec;

}  // namespace kiln
