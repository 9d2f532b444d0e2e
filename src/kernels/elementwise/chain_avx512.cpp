#include "kernels/simd/vec_avx512.hpp"

#include "kernels/elementwise/chain_impl.hpp"

namespace kiln {

extern constinit const ChainTable chain_table_avx512 = make_chain_table<Isa::avx512>();

}  // namespace kiln
