#include "kernels/simd/vec_avx512.hpp"

#include "kernels/gemm/compact_impl.hpp"

namespace kiln {

extern constinit const CompactTable compact_table_avx512 = make_compact_table<Isa::avx512>();

}  // namespace kiln
