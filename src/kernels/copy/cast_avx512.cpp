#include "kernels/copy/half_f16c.hpp"

#include "kernels/copy/cast_impl.hpp"

namespace kiln {

extern constinit const CastTable cast_table_avx512 = make_cast_table<Isa::avx512>();

}  // namespace kiln
