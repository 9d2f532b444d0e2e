#pragma once

namespace kiln::vision {

/// Milliseconds that the parts of the way from a picture to an answer took.
struct Times {
  double preprocess = 0, network = 0, postprocess = 0;
};

}  // namespace kiln::vision
