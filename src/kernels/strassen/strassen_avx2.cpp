#include "kernels/simd/vec_avx2.hpp"

#include "kernels/strassen/strassen_impl.hpp"

namespace kiln {

extern constinit const StrassenTable strassen_table_avx2 = make_strassen_table<Isa::avx2, 6, 4, 3>();

}  // namespace kiln
