#include "vision/pixels/pixel_table.hpp"
#include "vision/pixels/pixels_plain.hpp"

namespace kiln::vision {

namespace {

void across(const uint8_t* line, const int32_t* offsets, const uint32_t* weights, int64_t count, int64_t, int16_t* out,
            int64_t plane) {
  across_plain(line, offsets, weights, 0, count, out, plane);
}

void down_to_floats(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                    int64_t count, float scale, float bias, float* out) {
  floats_plain(upper, lower, upper_weight, lower_weight, 0, count, scale, bias, out);
}

void down_to_pixels(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                    int64_t count, int64_t plane, uint8_t* out) {
  pixels_plain(upper, lower, upper_weight, lower_weight, 0, count, plane, out);
}

void cubic(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows, int64_t count,
           uint8_t* out) {
  cubic_plain(pixels, stride, columns, rows, 0, count, cubic_weights(), out);
}

}  // namespace

extern constinit const PixelTable pixel_table_portable{across, down_to_floats, down_to_pixels, nullptr, cubic};

}  // namespace kiln::vision
