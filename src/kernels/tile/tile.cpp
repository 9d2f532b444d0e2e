#include "kernels/tile/tile.hpp"

namespace kiln {

extern const TileTable tile_table_portable, tile_table_avx2, tile_table_avx512;

const TileTable& tile_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return tile_table_avx512;
    case Isa::avx2: return tile_table_avx2;
    default: return tile_table_portable;
  }
}

}  // namespace kiln
