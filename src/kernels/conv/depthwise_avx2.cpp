#include "kernels/simd/vec_avx2.hpp"

#include "kernels/conv/depthwise_impl.hpp"

namespace kiln {

extern constinit const DepthwiseTable depthwise_table_avx2 = make_depthwise_table<Isa::avx2>();

}  // namespace kiln
