#include "kernels/simd/bytes.hpp"

#include "kernels/reorder/lanes_impl.hpp"

namespace kiln {

extern constinit const LaneFunction put_lanes_together_portable = put_lanes_together<Isa::portable>;

}  // namespace kiln
