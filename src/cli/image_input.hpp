#pragma once

#include <string>

#include "kiln/kiln.hpp"

namespace kiln::cli {

/// Whether the file's name ends as that of a picture does.
bool is_image_name(const std::string& path);

/// A picture as this input takes it: channels first or last as its shape says, RGB or gray as the number of channels
/// says, u8 or floats from 0 to 1, scaled to the input's height and width where those are numbers. An input of bytes
/// in one dim gets the file itself, for ImageDecoder.
Tensor load_image(const std::string& path, const PortInfo& port);

}  // namespace kiln::cli
