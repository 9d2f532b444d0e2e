#include "kernels/simd/vec_avx2.hpp"

#include "kernels/conv/narrow_impl.hpp"

namespace kiln {

extern constinit const NarrowTable narrow_table_avx2 = make_narrow_table<Isa::avx2>();

}  // namespace kiln
