#include "kernels/simd/vec_avx512.hpp"

#include "kernels/conv/narrow_impl.hpp"

namespace kiln {

extern constinit const NarrowTable narrow_table_avx512 = make_narrow_table<Isa::avx512>();

}  // namespace kiln
