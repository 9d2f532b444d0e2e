#include "kernels/simd/vec_avx512.hpp"

#include "kernels/reduce/reduce_impl.hpp"

namespace kiln {

extern constinit const ReduceTable reduce_table_avx512 = make_reduce_table<Isa::avx512>();

}  // namespace kiln
