#include "kernels/simd/vec_portable.hpp"

#include "kernels/paired/paired_impl.hpp"

namespace kiln {

extern constinit const PairedTable paired_table_portable = make_paired_table<Isa::portable>();

}  // namespace kiln
