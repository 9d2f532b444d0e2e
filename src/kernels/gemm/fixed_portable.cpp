#include "kernels/simd/vec_portable.hpp"

#include "kernels/gemm/fixed_impl.hpp"

namespace kiln {

extern constinit const FixedTable fixed_table_portable = make_fixed_table<Isa::portable>();

}  // namespace kiln
