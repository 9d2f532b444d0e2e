#include "kernels/simd/vec_avx2.hpp"

#include "kernels/reduce/reduce_impl.hpp"

namespace kiln {

extern constinit const ReduceTable reduce_table_avx2 = make_reduce_table<Isa::avx2>();

}  // namespace kiln
