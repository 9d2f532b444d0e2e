#include "kernels/simd/vec_portable.hpp"

#include "kernels/gemm/compact_impl.hpp"

namespace kiln {

extern constinit const CompactTable compact_table_portable = make_compact_table<Isa::portable>();

}  // namespace kiln
