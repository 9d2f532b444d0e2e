#include "kernels/simd/bytes_avx512.hpp"

#include "kernels/reorder/lanes_impl.hpp"

namespace kiln {

extern constinit const LaneFunction put_lanes_together_avx512 = put_lanes_together<Isa::avx512>;

}  // namespace kiln
