#include "kernels/simd/vec_avx512.hpp"

#include "kernels/resize/resize_impl.hpp"

namespace kiln {

extern constinit const ResizeTable resize_table_avx512 = make_resize_table<Isa::avx512>();

}  // namespace kiln
