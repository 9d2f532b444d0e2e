#include "kernels/simd/vec_avx512.hpp"

#include "kernels/paired/paired_blocks_impl.hpp"

namespace kiln {

extern constinit const PairedBlocksTable paired_blocks_table_avx512 = make_paired_blocks_table<Isa::avx512>();

}  // namespace kiln
