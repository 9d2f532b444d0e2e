#include "kernels/simd/vec_avx2.hpp"

#include "kernels/resize/resize_impl.hpp"

namespace kiln {

extern constinit const ResizeTable resize_table_avx2 = make_resize_table<Isa::avx2>();

}  // namespace kiln
