#include "kernels/simd/vec_avx2.hpp"

#include "kernels/pool/pool_impl.hpp"

namespace kiln {

extern constinit const PoolTable pool_table_avx2 = make_pool_table<Isa::avx2>();

}  // namespace kiln
