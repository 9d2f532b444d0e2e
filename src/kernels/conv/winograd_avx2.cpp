#include "kernels/simd/vec_avx2.hpp"

#include "kernels/conv/winograd_impl.hpp"

namespace kiln {

extern constinit const WinogradTable winograd_table_avx2 = make_winograd_table<Isa::avx2>();

}  // namespace kiln
