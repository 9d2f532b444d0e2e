#include "kernels/simd/vec_avx512.hpp"

#include "kernels/pool/pool_impl.hpp"

namespace kiln {

extern constinit const PoolTable pool_table_avx512 = make_pool_table<Isa::avx512>();

}  // namespace kiln
