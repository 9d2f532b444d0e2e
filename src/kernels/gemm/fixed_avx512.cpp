#include "kernels/simd/vec_avx512.hpp"

#include "kernels/gemm/fixed_impl.hpp"

namespace kiln {

extern constinit const FixedTable fixed_table_avx512 = make_fixed_table<Isa::avx512>();

}  // namespace kiln
