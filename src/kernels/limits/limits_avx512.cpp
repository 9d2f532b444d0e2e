#include "kernels/simd/vec_avx512.hpp"

#include "kernels/limits/limits_impl.hpp"

namespace kiln {

extern constinit const LimitsTable limits_table_avx512 = make_limits_table<Isa::avx512>();

}  // namespace kiln
