#include "kernels/simd/vec_portable.hpp"

#include "kernels/conv/depthwise_impl.hpp"

namespace kiln {

extern constinit const DepthwiseTable depthwise_table_portable = make_depthwise_table<Isa::portable>();

}  // namespace kiln
