#include "kernels/simd/vec_avx2.hpp"

#include "kernels/norm/norm_impl.hpp"

namespace kiln {

extern constinit const NormTable norm_table_avx2 = make_norm_table<Isa::avx2>();

}  // namespace kiln
