#include "ops/support/roi_align.hpp"

#include <string>

namespace kiln::ops {

RoiAlignment RoiAlignment::read(const NodeView& node) {
  RoiAlignment how;
  const std::string mode = node.attr_string("mode", "avg");
  if (mode != "avg" && mode != "max") {
    fail(ErrorCode::invalid_model, "attribute 'mode' is '{}', expected avg or max", mode);
  }
  how.takes_max = mode == "max";
  if (node.version() >= 16) {
    const std::string transform = node.attr_string("coordinate_transformation_mode", "half_pixel");
    if (transform != "half_pixel" && transform != "output_half_pixel") {
      fail(ErrorCode::invalid_model,
           "attribute 'coordinate_transformation_mode' is '{}', expected half_pixel or output_half_pixel", transform);
    }
    how.shifts = transform == "half_pixel";
  }
  how.ratio = node.attr_int("sampling_ratio");
  how.scale = node.attr_float("spatial_scale");
  return how;
}

void check_region_image(int64_t region, int64_t image, int64_t images) {
  if (image >= 0 && image < images) return;
  fail(ErrorCode::invalid_argument, "region {} is of image {}, but there are {}", region, image, images);
}

}  // namespace kiln::ops
