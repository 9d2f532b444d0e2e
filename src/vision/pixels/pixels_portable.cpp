#include "vision/pixels/pixel_table.hpp"
#include "vision/pixels/pixels_plain.hpp"

namespace kiln::vision {

namespace {

int64_t along_line(const uint8_t*, int64_t, const LinePlaces&, int64_t, uint8_t*) { return 0; }

PlaceRange find_places(const ProjectedRow& row, int64_t count, int32_t* columns, int32_t* rows) {
  PlaceRange range = no_places();
  find_places_plain(row, 0, count, columns, rows, range);
  return range;
}

}  // namespace

extern constinit const PixelTable pixel_table_portable{mix_plain,
                                                       mixed_to_floats_plain,
                                                       mixed_to_pixels_plain,
                                                       halve_plain,
                                                       pixels_to_floats_plain,
                                                       fill_plain,
                                                       along_line,
                                                       cubic_plain,
                                                       find_places};

}  // namespace kiln::vision
