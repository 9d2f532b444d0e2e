#include "kernels/simd/vec_avx512.hpp"

#include "kernels/paired/paired_blocks_impl.hpp"
#include "kernels/paired/paired_impl.hpp"

namespace kiln {

extern constinit const PairedTable paired_table_avx512 = make_paired_table<Isa::avx512>();
extern constinit const PairedBlocksTable paired_blocks_table_avx512 = make_paired_blocks_table<Isa::avx512>();

}  // namespace kiln
