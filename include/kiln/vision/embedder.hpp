#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/times.hpp"

namespace kiln::vision {

struct EmbedderOptions {
  std::optional<Levels> levels;  ///< none: those of ImageNet
  int64_t side = 224;            ///< of the input, where the model leaves it open
  double crop = 0.875;           ///< the part of the shorter side that is looked at, in the middle
};

/// Makes a vector of a picture, near to those of pictures like it: of [1, numbers], the mean over all places of
/// [1, numbers, height, width], or the first of [1, tokens, numbers]. May be used from several threads at once.
class Embedder {
 public:
  explicit Embedder(Session model, const EmbedderOptions& options = {});
  Embedder(Embedder&&) noexcept;
  Embedder& operator=(Embedder&&) noexcept;
  ~Embedder();

  /// Of length 1.
  std::vector<float> embed(const PictureView& picture, Times* times = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The cosine of the angle between two vectors; 0 where one of them is zero.
float similarity(std::span<const float> a, std::span<const float> b);

struct Similar {
  size_t index = 0;
  float similarity = 0;
};
/// Those of `vectors` that are most like `wanted`, at most `most`, the best first.
std::vector<Similar> find_similar(std::span<const float> wanted, const std::vector<std::vector<float>>& vectors,
                                  size_t most);

}  // namespace kiln::vision
