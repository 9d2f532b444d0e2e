#include "kernels/simd/vec_avx2.hpp"

#include "kernels/paired/paired_blocks_impl.hpp"

namespace kiln {

extern constinit const PairedBlocksTable paired_blocks_table_avx2 = make_paired_blocks_table<Isa::avx2>();

}  // namespace kiln
