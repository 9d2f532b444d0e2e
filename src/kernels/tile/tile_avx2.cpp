#include "kernels/simd/vec_avx2.hpp"
#include "kernels/tile/tile_impl.hpp"

namespace kiln {

extern constinit const TileTable tile_table_avx2 = make_tile_table<Isa::avx2>();

}  // namespace kiln
