#include "kernels/simd/vec_portable.hpp"

#include "kernels/paired/paired_blocks_impl.hpp"
#include "kernels/paired/paired_impl.hpp"

namespace kiln {

extern constinit const PairedTable paired_table_portable = make_paired_table<Isa::portable>();
extern constinit const PairedBlocksTable paired_blocks_table_portable = make_paired_blocks_table<Isa::portable>();

}  // namespace kiln
