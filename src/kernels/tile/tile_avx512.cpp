#include "kernels/simd/vec_avx512.hpp"
#include "kernels/tile/tile_impl.hpp"

namespace kiln {

extern constinit const TileTable tile_table_avx512 = make_tile_table<Isa::avx512>();

}  // namespace kiln
