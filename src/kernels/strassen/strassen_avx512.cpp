#include "kernels/simd/vec_avx512.hpp"

#include "kernels/strassen/strassen_impl.hpp"

namespace kiln {

extern constinit const StrassenTable strassen_table_avx512 = make_strassen_table<Isa::avx512, 14, 9, 6>();

}  // namespace kiln
