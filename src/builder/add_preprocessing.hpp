#pragma once

#include <string>

#include "graph/graph.hpp"

namespace kiln {

/// Puts what is done to a picture before a network sees it in front of the network, in plain ONNX: its input f32 or f16
/// [1, 3, height, width] becomes the pixels of a picture of any size, u8 [height, width, 3]. `how` is as
/// docs/cli/build.md says ("letterbox,rgb,/255"). The model's metadata get it as "kiln.preprocess", with all
/// that was left unsaid. Fails where the model's first input is no picture.
void add_preprocessing(ModelDef& model, const std::string& how);

}  // namespace kiln
