#include "kernels/simd/vec_avx2.hpp"

#include "kernels/elementwise/chain_impl.hpp"

namespace kiln {

extern constinit const ChainTable chain_table_avx2 = make_chain_table<Isa::avx2>();

}  // namespace kiln
