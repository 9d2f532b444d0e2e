#include "kernels/simd/vec_avx512.hpp"

#include "kernels/paired/paired_impl.hpp"

namespace kiln {

extern constinit const PairedTable paired_table_avx512 = make_paired_table<Isa::avx512>();

}  // namespace kiln
