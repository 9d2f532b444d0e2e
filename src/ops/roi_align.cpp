#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText roi_align_versions[] = {
    {10, "X:T1 rois:T1 batch_indices:T2 -> Y:T1",
     "mode:string=avg output_height:int=1 output_width:int=1 sampling_ratio:int=0 spatial_scale:float=1",
     "T1=real T2=i64"},
    {16, "X:T1 rois:T1 batch_indices:T2 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel mode:string=avg output_height:int=1 output_width:int=1 "
     "sampling_ratio:int=0 spatial_scale:float=1",
     "T1=real T2=i64"},
    {22, "X:T1 rois:T1 batch_indices:T2 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel mode:string=avg output_height:int=1 output_width:int=1 "
     "sampling_ratio:int=0 spatial_scale:float=1",
     "T1=real,bf16 T2=i64"},
};

bool is_max(const NodeView& node) {
  const std::string mode = node.attr_string("mode", "avg");
  if (mode == "avg" || mode == "max") return mode == "max";
  fail(ErrorCode::invalid_model, "attribute 'mode' is '{}', expected avg or max", mode);
}

/// Whether coordinates are shifted by half a pixel. Version 10 never does.
bool shifts(const NodeView& node) {
  if (node.version() < 16) return false;
  const std::string mode = node.attr_string("coordinate_transformation_mode", "half_pixel");
  if (mode == "half_pixel" || mode == "output_half_pixel") return mode == "half_pixel";
  fail(ErrorCode::invalid_model,
       "attribute 'coordinate_transformation_mode' is '{}', expected half_pixel or output_half_pixel", mode);
}

void check_input_rank(const InferContext& context, size_t input, size_t rank) {
  if (context.shape(input) && context.shape(input)->size() != rank) {
    fail(ErrorCode::invalid_argument, "input {} must have {} axes, found shape {}", input, rank,
         to_string(*context.shape(input)));
  }
}

void infer_roi_align(InferContext& context) {
  is_max(context);
  shifts(context);
  context.set_output(0, context.dtype(0));
  check_input_rank(context, 0, 4);
  check_input_rank(context, 1, 2);
  check_input_rank(context, 2, 1);
  Dim regions;
  if (context.shape(1)) {
    merge_dims((*context.shape(1))[1], Dim(4), "the numbers of a region");
    regions = (*context.shape(1))[0];
  }
  if (context.shape(2)) regions = merge_dims(regions, (*context.shape(2))[0], "regions and batch indices");
  context.set_output(0, context.dtype(0),
                     SymShape{regions, context.shape(0) ? (*context.shape(0))[1] : Dim(),
                              context.attr_int("output_height"), context.attr_int("output_width")});
}

/// Where along one axis the samples of a region's bins lie: for each sample inside the image, the two elements that it
/// lies between and how near it is to the second.
template <class Real>
class Samples {
 public:
  struct Sample {
    int64_t low, high;
    Real fraction;
  };

  Samples(Real start, Real extent, int64_t bins, int64_t ratio, int64_t image) : bins_(static_cast<size_t>(bins)) {
    const Real size = extent / static_cast<Real>(bins);
    const Real grid = ratio > 0 ? static_cast<Real>(ratio) : std::ceil(size);
    if (!std::isfinite(start) || !std::isfinite(extent)) fail(ErrorCode::invalid_argument, "a region is not finite");
    count_ = static_cast<double>(std::max(grid, Real(0)));
    if (!(grid > 0)) return;
    const Real step = size / grid;
    for (int64_t bin = 0; bin < bins; ++bin) {
      const Real first = start + static_cast<Real>(bin) * size;
      // However large a region is, only the samples inside the image, with one pixel around it, are looked at.
      const Real lowest = step > 0 ? std::floor((-1 - first) / step - Real(0.5)) - 1 : 0;
      for (Real i = std::max(lowest, Real(0)); i < grid; ++i) {
        const Real at = first + (i + Real(0.5)) * size / grid;
        if (step > 0 && at > static_cast<Real>(image)) break;
        if (at >= -1 && at <= static_cast<Real>(image)) bins_[static_cast<size_t>(bin)].push_back(place(at, image));
        if (i + 1 == i) break;
      }
    }
  }

  double count() const { return count_; }  ///< of all samples of a bin, those outside the image included
  std::span<const Sample> of(int64_t bin) const { return bins_[static_cast<size_t>(bin)]; }

 private:
  static Sample place(Real at, int64_t image) {
    at = std::max(at, Real(0));
    const auto low = static_cast<int64_t>(at);
    if (low >= image - 1) return {image - 1, image - 1, 0};
    return {low, low + 1, at - static_cast<Real>(low)};
  }

  std::vector<std::vector<Sample>> bins_;
  double count_;
};

/// The pooled value of a bin: the mean of the samples, or the largest of the weighted elements around them.
template <class T, class Real>
Real pool(const T* plane, int64_t width, const Samples<Real>& down, const Samples<Real>& across, int64_t row,
          int64_t column, bool take_max) {
  const double count = down.count() * across.count();
  const auto ys = down.of(row), xs = across.of(column);
  Real sum = 0;
  // A sample outside the image counts as zero.
  Real best = static_cast<double>(ys.size() * xs.size()) < count ? 0 : -std::numeric_limits<Real>::infinity();
  for (const auto& y : ys) {
    stop_point(static_cast<int64_t>(xs.size()));
    for (const auto& x : xs) {
      const Real a = (1 - y.fraction) * (1 - x.fraction) * plane[y.low * width + x.low];
      const Real b = (1 - y.fraction) * x.fraction * plane[y.low * width + x.high];
      const Real c = y.fraction * (1 - x.fraction) * plane[y.high * width + x.low];
      const Real d = y.fraction * x.fraction * plane[y.high * width + x.high];
      sum += a + b + c + d;
      best = std::max(best, std::max(std::max(a, b), std::max(c, d)));
    }
  }
  if (take_max) return count > 0 ? best : 0;
  return sum / static_cast<Real>(std::max(count, 1.0));
}

template <class T>
void roi_align(EvalContext& context, const Tensor& x, const Tensor& rois, const Tensor& images, Tensor& y) {
  using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const auto scale = static_cast<Real>(context.attr_float("spatial_scale"));
  const bool shift = shifts(context), take_max = is_max(context);
  const int64_t ratio = context.attr_int("sampling_ratio"), plane = x.dim(2) * x.dim(3), bins = y.dim(2) * y.dim(3);
  context.parallel_for(rois.dim(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t image = images.data<int64_t>()[r];
      if (image < 0 || image >= x.dim(0)) {
        fail(ErrorCode::invalid_argument, "region {} is of image {}, but there are {}", r, image, x.dim(0));
      }
      std::array<Real, 4> box;
      for (size_t i = 0; i < 4; ++i) {
        box[i] = static_cast<Real>(rois.data<T>()[r * 4 + static_cast<int64_t>(i)]) * scale - Real(shift ? 0.5 : 0);
      }
      const Real least = shift ? -std::numeric_limits<Real>::infinity() : Real(1);
      const Samples<Real> across(box[0], std::max(box[2] - box[0], least), y.dim(3), ratio, x.dim(3));
      const Samples<Real> down(box[1], std::max(box[3] - box[1], least), y.dim(2), ratio, x.dim(2));
      for (int64_t c = 0; c < x.dim(1); ++c) {
        const T* from = x.data<T>() + (image * x.dim(1) + c) * plane;
        T* to = y.mutable_data<T>() + (r * x.dim(1) + c) * bins;
        for (int64_t i = 0; i < bins; ++i) {
          to[i] = T(pool(from, x.dim(3), down, across, i / y.dim(3), i % y.dim(3), take_max));
        }
      }
    }
  });
}

void eval_roi_align(EvalContext& context) {
  const Tensor &x = context.input(0), &rois = context.input(1), &images = context.input(2);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 4 || images.shape() != Shape{rois.dim(0)}) {
    fail(ErrorCode::invalid_argument,
         "X, rois and batch_indices of shapes {}, {} and {}, expected [N,C,H,W], [R,4], [R]", to_string(x.shape()),
         to_string(rois.shape()), to_string(images.shape()));
  }
  const int64_t ratio = context.attr_int("sampling_ratio");
  if (ratio < 0 || ratio > 4096) {
    fail(ErrorCode::invalid_model, "attribute 'sampling_ratio' is {}, expected a number in [0, 4096]", ratio);
  }
  Tensor& y = context.output(
      0, x.dtype(), {rois.dim(0), x.dim(1), context.attr_int("output_height"), context.attr_int("output_width")});
  if (y.size() == 0) return;
  if (x.dim(2) == 0 || x.dim(3) == 0) fail(ErrorCode::invalid_argument, "X has no pixels");
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> { roi_align<T>(context, x, rois, images, y); });
}

}  // namespace

extern const OpDef roi_align_op{"", "RoiAlign", roi_align_versions, infer_roi_align, eval_roi_align};

}  // namespace kiln::ops
