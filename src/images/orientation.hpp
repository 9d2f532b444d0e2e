#pragma once

#include "images/image.hpp"

namespace kiln {

/// How a picture must be turned to stand upright: EXIF's orientation, 1 (as it is) to 8, of a JPEG, PNG or WebP file;
/// 1 where it says nothing. The decoders leave pictures as they are stored, but for TIFF, which is turned.
int exif_orientation(Bytes file);

/// The picture turned upright.
Image upright(Image image, int orientation);

}  // namespace kiln
