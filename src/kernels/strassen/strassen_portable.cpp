#include "kernels/simd/vec_portable.hpp"

#include "kernels/strassen/strassen_impl.hpp"

namespace kiln {

extern constinit const StrassenTable strassen_table_portable = make_strassen_table<Isa::portable, 3, 0, 0>();

}  // namespace kiln
