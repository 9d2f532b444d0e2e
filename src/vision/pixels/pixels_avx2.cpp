#include "vision/pixels/columns_wide.hpp"
#include "vision/pixels/pixel_vec_avx2.hpp"
#include "vision/pixels/places_wide.hpp"

namespace kiln::vision {

extern constinit const PixelTable pixel_table_avx2{mix<Isa::avx2>,
                                                   mixed_to_floats<Isa::avx2>,
                                                   mixed_to_pixels<Isa::avx2>,
                                                   halve<Isa::avx2>,
                                                   pixels_to_floats<Isa::avx2>,
                                                   fill<Isa::avx2>,
                                                   along_line<Isa::avx2>,
                                                   cubic<Isa::avx2>,
                                                   find_places<Isa::avx2>};

}  // namespace kiln::vision
