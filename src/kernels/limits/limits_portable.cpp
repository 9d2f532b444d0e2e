#include "kernels/simd/vec_portable.hpp"

#include "kernels/limits/limits_impl.hpp"

namespace kiln {

extern constinit const LimitsTable limits_table_portable = make_limits_table<Isa::portable>();

}  // namespace kiln
