#include "kernels/simd/vec_avx512.hpp"

#include "kernels/conv/depthwise_impl.hpp"

namespace kiln {

extern constinit const DepthwiseTable depthwise_table_avx512 = make_depthwise_table<Isa::avx512>();

}  // namespace kiln
