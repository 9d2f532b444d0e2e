#include "kernels/simd/vec_portable.hpp"
#include "kernels/tile/tile_impl.hpp"

namespace kiln {

extern constinit const TileTable tile_table_portable = make_tile_table<Isa::portable>();

}  // namespace kiln
