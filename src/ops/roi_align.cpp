#include <algorithm>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/roi_align.hpp"
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

void check_input_rank(const InferContext& context, size_t input, size_t rank) {
  if (context.shape(input) && context.shape(input)->size() != rank) {
    fail(ErrorCode::invalid_argument, "input {} must have {} axes, found shape {}", input, rank,
         to_string(*context.shape(input)));
  }
}

void infer_roi_align(InferContext& context) {
  RoiAlignment::read(context);
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

template <class Real>
using Samples = std::vector<typename RoiSamples<Real>::Sample>;

/// The samples inside the image, bin by bin.
template <class Real>
std::vector<Samples<Real>> by_bin(const RoiSamples<Real>& samples, int64_t bins) {
  std::vector<Samples<Real>> result(static_cast<size_t>(bins));
  for (int64_t bin = 0; bin < bins; ++bin) {
    samples.each(bin, [&](const auto& sample) { result[static_cast<size_t>(bin)].push_back(sample); });
  }
  return result;
}

/// The pooled value of a bin: the mean of `count` samples, or the largest of the weighted elements around them.
template <class Real, class T>
Real pool(const T* plane, int64_t width, const Samples<Real>& ys, const Samples<Real>& xs, double count,
          bool take_max) {
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
  const RoiAlignment how = RoiAlignment::read(context);
  const int64_t plane = x.dim(2) * x.dim(3), bins = y.dim(2) * y.dim(3);
  context.parallel_for(rois.dim(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t image = images.data<int64_t>()[r];
      check_region_image(r, image, x.dim(0));
      const RoiGrid<Real> grid(how, rois.data<T>() + r * 4, y.dim(2), y.dim(3), x.dim(2), x.dim(3));
      const auto down = by_bin(grid.down, y.dim(2)), across = by_bin(grid.across, y.dim(3));
      const double count = grid.down.count() * grid.across.count();
      for (int64_t c = 0; c < x.dim(1); ++c) {
        const T* from = x.data<T>() + (image * x.dim(1) + c) * plane;
        T* to = y.mutable_data<T>() + (r * x.dim(1) + c) * bins;
        for (int64_t i = 0; i < bins; ++i) {
          const auto row = static_cast<size_t>(i / y.dim(3)), column = static_cast<size_t>(i % y.dim(3));
          to[i] = T(pool<Real>(from, x.dim(3), down[row], across[column], count, how.takes_max));
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
  if (ratio < 0 || ratio > RoiAlignment::most_ratio) {
    fail(ErrorCode::invalid_model, "attribute 'sampling_ratio' is {}, expected a number in [0, {}]", ratio,
         RoiAlignment::most_ratio);
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
