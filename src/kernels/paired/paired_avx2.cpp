#include "kernels/simd/vec_avx2.hpp"

#include "kernels/paired/paired_impl.hpp"

namespace kiln {

extern constinit const PairedTable paired_table_avx2 = make_paired_table<Isa::avx2>();

}  // namespace kiln
