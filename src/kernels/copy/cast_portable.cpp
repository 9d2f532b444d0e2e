#include "kernels/copy/half_portable.hpp"

#include "kernels/copy/cast_impl.hpp"

namespace kiln {

extern constinit const CastTable cast_table_portable = make_cast_table<Isa::portable>();

}  // namespace kiln
