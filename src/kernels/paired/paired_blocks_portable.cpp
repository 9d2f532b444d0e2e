#include "kernels/simd/vec_portable.hpp"

#include "kernels/paired/paired_blocks_impl.hpp"

namespace kiln {

extern constinit const PairedBlocksTable paired_blocks_table_portable = make_paired_blocks_table<Isa::portable>();

}  // namespace kiln
