#include "kernels/simd/vec_avx512.hpp"

#include "kernels/conv/winograd_impl.hpp"

namespace kiln {

extern constinit const WinogradTable winograd_table_avx512 = make_winograd_table<Isa::avx512>();

}  // namespace kiln
