#include "kernels/simd/vec_portable.hpp"

#include "kernels/elementwise/chain_impl.hpp"

namespace kiln {

extern constinit const ChainTable chain_table_portable = make_chain_table<Isa::portable>();

}  // namespace kiln
