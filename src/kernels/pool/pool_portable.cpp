#include "kernels/simd/vec_portable.hpp"

#include "kernels/pool/pool_impl.hpp"

namespace kiln {

extern constinit const PoolTable pool_table_portable = make_pool_table<Isa::portable>();

}  // namespace kiln
