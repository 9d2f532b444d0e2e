#include "kernels/simd/vec_portable.hpp"

#include "kernels/resize/resize_impl.hpp"

namespace kiln {

extern constinit const ResizeTable resize_table_portable = make_resize_table<Isa::portable>();

}  // namespace kiln
