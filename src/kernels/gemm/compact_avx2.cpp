#include "kernels/simd/vec_avx2.hpp"

#include "kernels/gemm/compact_impl.hpp"

namespace kiln {

extern constinit const CompactTable compact_table_avx2 = make_compact_table<Isa::avx2>();

}  // namespace kiln
