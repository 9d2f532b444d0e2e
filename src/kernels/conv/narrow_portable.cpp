#include "kernels/simd/vec_portable.hpp"

#include "kernels/conv/narrow_impl.hpp"

namespace kiln {

extern constinit const NarrowTable narrow_table_portable = make_narrow_table<Isa::portable>();

}  // namespace kiln
