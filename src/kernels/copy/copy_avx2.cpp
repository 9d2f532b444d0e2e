#include "kernels/simd/bytes_avx2.hpp"

#include "kernels/copy/copy_impl.hpp"

namespace kiln {

extern constinit const CopyTable copy_table_avx2 = make_copy_table<Isa::avx2>();

}  // namespace kiln
