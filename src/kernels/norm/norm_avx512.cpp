#include "kernels/simd/vec_avx512.hpp"

#include "kernels/norm/norm_impl.hpp"

namespace kiln {

extern constinit const NormTable norm_table_avx512 = make_norm_table<Isa::avx512>();

}  // namespace kiln
