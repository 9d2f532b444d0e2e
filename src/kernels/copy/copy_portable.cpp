#include "kernels/simd/bytes.hpp"

#include "kernels/copy/copy_impl.hpp"

namespace kiln {

extern constinit const CopyTable copy_table_portable = make_copy_table<Isa::portable>();

}  // namespace kiln
