#include "kernels/simd/vec_portable.hpp"

#include "kernels/conv/winograd_impl.hpp"

namespace kiln {

extern constinit const WinogradTable winograd_table_portable = make_winograd_table<Isa::portable>();

}  // namespace kiln
