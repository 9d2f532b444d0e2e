#pragma once

#include <array>
#include <cstdint>

#include "kiln/tensor.hpp"
#include "kiln/vision/picture.hpp"

namespace kiln::vision {

/// How a picture is fitted into a network's height and width.
enum class Fit : uint8_t {
  stretch,    ///< to fill it, whatever becomes of its proportions
  letterbox,  ///< as large as it goes, in the middle
  corner,     ///< as large as it goes, at the top left
};

/// What a network takes.
struct InputFormat {
  int64_t width = 640, height = 640;
  Fit fit = Fit::letterbox;
  bool bgr = false;                    ///< blue first
  std::array<float, 3> mean{0, 0, 0};  ///< of values from 0 to 1, in the network's order of colours
  std::array<float, 3> deviation{1, 1, 1};
  float range = 255;  ///< the levels that a value of 1 stands for
  float fill = 114;   ///< the level around the picture
};

/// The part of it that says how levels become values.
struct Levels {
  bool bgr = false;
  std::array<float, 3> mean{0, 0, 0}, deviation{1, 1, 1};
  float range = 255;
};
/// What networks that were trained on ImageNet, and most that began as one of these, take.
inline constexpr Levels imagenet_levels{.mean = {0.485f, 0.456f, 0.406f}, .deviation = {0.229f, 0.224f, 0.225f}};

/// Where a picture lies in a network's input, in its pixels.
struct Placement {
  double scale_x = 1, scale_y = 1;  ///< input pixels for each of the picture's
  double left = 0, top = 0;

  double picture_x(double x) const { return (x - left) / scale_x; }
  double picture_y(double y) const { return (y - top) / scale_y; }
};

/// Where it will lie.
struct PlacedRectangle {
  int64_t left, top, width, height;
};
PlacedRectangle fit_into(int64_t picture_width, int64_t picture_height, const InputFormat& format);
/// The way back from there.
Placement placement_of(int64_t picture_width, int64_t picture_height, const PlacedRectangle& placed);

/// Resizes (bilinear, the same levels as OpenCV's resize), normalises and spreads a picture into planes of floats, in
/// one pass over its pixels: into picture `index` of a batch [n, 3, height, width].
Placement prepare_into(Tensor& batch, int64_t index, const PictureView& picture, const InputFormat& format);

/// The same where the picture lies as `placed` says, inside of what `format` says.
Placement prepare_into(Tensor& batch, int64_t index, const PictureView& picture, const InputFormat& format,
                       const PlacedRectangle& placed);

/// A picture of another size, bilinear.
Picture resize(const PictureView& picture, int64_t width, int64_t height);

/// Maps pixels of the result to places in the picture that it is taken from: (x, y, 1) by three rows, divided by the
/// third.
using Projection = std::array<double, 9>;

/// The projection that takes each corner of `from` to the same of `to`. Fails with invalid_argument where three
/// corners lie on a line.
Projection projection_between(const std::array<std::array<float, 2>, 4>& from,
                              const std::array<std::array<float, 2>, 4>& to);

enum class Sampling : uint8_t { linear, cubic };

struct WarpOptions {
  Sampling sampling = Sampling::linear;
  bool replicate = false;  ///< what lies outside looks like the nearest pixel, not like `fill`
  uint8_t fill = 0;
};

/// The picture as seen through a projection, OpenCV's warpAffine and warpPerspective.
Picture warp(const PictureView& picture, const Projection& places, int64_t width, int64_t height,
             const WarpOptions& options = {});
/// The same into picture `index` of a batch, normalised as `format` says; its size is the format's.
void warp_into(Tensor& batch, int64_t index, const PictureView& picture, const Projection& places,
               const InputFormat& format, const WarpOptions& options = {});

}  // namespace kiln::vision
