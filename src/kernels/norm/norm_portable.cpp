#include "kernels/simd/vec_portable.hpp"

#include "kernels/norm/norm_impl.hpp"

namespace kiln {

extern constinit const NormTable norm_table_portable = make_norm_table<Isa::portable>();

}  // namespace kiln
