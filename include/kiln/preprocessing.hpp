#pragma once

#include <string>

#include "kiln/kiln.hpp"

namespace kiln {

/// The same model with what is done to a picture in front of it, in plain ONNX: its first input, f32 or f16
/// [1, 3, height, width], becomes the pixels of a picture of any size, u8 [height, width, 3], red first. `how` lists,
/// with commas between:
///   letterbox (as large as it goes, in the middle), corner (at the top left) or stretch;
///   rgb or bgr, the order that the network takes;
///   /255, what levels are divided by, then mean=R:G:B and deviation=R:G:B, or imagenet for all three;
///   fill=114, the level around the picture; 640x640, width and height where the model leaves them open.
/// It is kept in the metadata as "kiln.preprocess", which the classes of kiln/vision.hpp read.
Model with_preprocessing(const Model& model, const std::string& how);

}  // namespace kiln
