#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.hpp"
#include "ops/context.hpp"

namespace kiln::ops {

/// How RoiAlign samples regions, from a node's attributes.
struct RoiAlignment {
  bool takes_max = false;
  bool shifts = false;  ///< coordinates by half a pixel; version 10 never does
  int64_t ratio = 0;    ///< samples of a bin along each axis; 0 where its size says how many
  float scale = 1;      ///< of the regions' coordinates

  static constexpr int64_t most_ratio = 4096;

  /// Of a RoiAlign of any version; fails on what ONNX does not know.
  static RoiAlignment read(const NodeView& node);
};

/// Fails unless the region is of one of the images.
void check_region_image(int64_t region, int64_t image, int64_t images);

/// Where along one axis the samples of a region's bins lie.
template <class Real>
class RoiSamples {
 public:
  /// The two elements that a sample lies between, and how near it is to the second.
  struct Sample {
    int64_t low, high;
    Real fraction;
  };

  RoiSamples(Real start, Real extent, int64_t bins, int64_t ratio, int64_t image) : start_(start), image_(image) {
    size_ = extent / static_cast<Real>(bins);
    grid_ = ratio > 0 ? static_cast<Real>(ratio) : std::ceil(size_);
    if (!std::isfinite(start) || !std::isfinite(extent)) fail(ErrorCode::invalid_argument, "a region is not finite");
  }

  /// Of all samples of a bin, those outside the image included.
  double count() const { return static_cast<double>(std::max(grid_, Real(0))); }

  /// Calls visit(sample) for each sample of a bin that is inside the image.
  template <class Visit>
  void each(int64_t bin, Visit&& visit) const {
    if (!(grid_ > 0)) return;
    const Real step = size_ / grid_, first = start_ + static_cast<Real>(bin) * size_;
    // However large a region is, only the samples inside the image, with one pixel around it, are looked at.
    const Real lowest = step > 0 ? std::floor((-1 - first) / step - Real(0.5)) - 1 : 0;
    for (Real i = std::max(lowest, Real(0)); i < grid_; ++i) {
      const Real at = first + (i + Real(0.5)) * size_ / grid_;
      if (step > 0 && at > static_cast<Real>(image_)) break;
      if (at >= -1 && at <= static_cast<Real>(image_)) visit(place(at));
      if (i + 1 == i) break;
    }
  }

 private:
  Sample place(Real at) const {
    at = std::max(at, Real(0));
    const auto low = static_cast<int64_t>(at);
    if (low >= image_ - 1) return {image_ - 1, image_ - 1, 0};
    return {low, low + 1, at - static_cast<Real>(low)};
  }

  Real start_, size_, grid_;
  int64_t image_;
};

/// The samples of a region, given as its left, top, right and bottom.
template <class Real>
struct RoiGrid {
  template <class T>
  RoiGrid(const RoiAlignment& how, const T* region, int64_t rows, int64_t columns, int64_t height, int64_t width)
      : RoiGrid(how, scaled(how, region), rows, columns, height, width) {}

  RoiSamples<Real> down, across;

 private:
  using Box = std::array<Real, 4>;
  template <class T>
  static Box scaled(const RoiAlignment& how, const T* region) {
    Box box;
    for (size_t i = 0; i < 4; ++i) {
      box[i] = static_cast<Real>(region[i]) * static_cast<Real>(how.scale) - Real(how.shifts ? 0.5 : 0);
    }
    return box;
  }
  static Real extent(const RoiAlignment& how, Real from, Real to) {
    return std::max(to - from, how.shifts ? -std::numeric_limits<Real>::infinity() : Real(1));
  }
  RoiGrid(const RoiAlignment& how, const Box& box, int64_t rows, int64_t columns, int64_t height, int64_t width)
      : down(box[1], extent(how, box[1], box[3]), rows, how.ratio, height),
        across(box[0], extent(how, box[0], box[2]), columns, how.ratio, width) {}
};

}  // namespace kiln::ops
