#include "kernels/simd/vec_avx2.hpp"

#include "kernels/gemm/fixed_impl.hpp"

namespace kiln {

extern constinit const FixedTable fixed_table_avx2 = make_fixed_table<Isa::avx2>();

}  // namespace kiln
