#include "kernels/simd/bytes_avx512.hpp"

#include "kernels/copy/copy_impl.hpp"

namespace kiln {

extern constinit const CopyTable copy_table_avx512 = make_copy_table<Isa::avx512>();

}  // namespace kiln
