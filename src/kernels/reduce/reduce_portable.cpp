#include "kernels/simd/vec_portable.hpp"

#include "kernels/reduce/reduce_impl.hpp"

namespace kiln {

extern constinit const ReduceTable reduce_table_portable = make_reduce_table<Isa::portable>();

}  // namespace kiln
