#include "kernels/simd/bytes_avx2.hpp"

#include "kernels/reorder/lanes_impl.hpp"

namespace kiln {

extern constinit const LaneFunction put_lanes_together_avx2 = put_lanes_together<Isa::avx2>;

}  // namespace kiln
