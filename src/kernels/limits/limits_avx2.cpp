#include "kernels/simd/vec_avx2.hpp"

#include "kernels/limits/limits_impl.hpp"

namespace kiln {

extern constinit const LimitsTable limits_table_avx2 = make_limits_table<Isa::avx2>();

}  // namespace kiln
