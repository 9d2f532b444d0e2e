#include "vision/pixels/columns_wide.hpp"
#include "vision/pixels/pixel_vec_avx512.hpp"
#include "vision/pixels/places_wide.hpp"
#include "vision/pixels/windows_vbmi.hpp"

namespace kiln::vision {

extern constinit const PixelTable pixel_table_avx512{mix_near,
                                                     mixed_to_floats<Isa::avx512>,
                                                     mixed_to_pixels<Isa::avx512>,
                                                     halve<Isa::avx512>,
                                                     pixels_to_floats<Isa::avx512>,
                                                     fill<Isa::avx512>,
                                                     along_line<Isa::avx512>,
                                                     cubic<Isa::avx512>,
                                                     find_places<Isa::avx512>};

}  // namespace kiln::vision
