#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_roi_pool_versions[] = {
    {1, "X:T rois:T -> Y:T", "pooled_shape!:ints spatial_scale:float=1", "T=real"},
    {22, "X:T rois:T -> Y:T", "pooled_shape!:ints spatial_scale:float=1", "T=real,bf16"},
};

std::span<const int64_t> read_pooled_shape(const NodeView& node) {
  const auto pooled = node.attr_ints("pooled_shape");
  if (pooled.size() != 2 || pooled[0] < 1 || pooled[1] < 1) {
    fail(ErrorCode::invalid_model, "attribute 'pooled_shape' must be two positive numbers");
  }
  return pooled;
}

void infer_max_roi_pool(InferContext& context) {
  const auto pooled = read_pooled_shape(context);
  context.set_output(0, context.dtype(0));
  const SymShape *x = context.shape(0), *rois = context.shape(1);
  if ((x && x->size() != 4) || (rois && rois->size() != 2)) {
    fail(ErrorCode::invalid_argument, "X must have 4 axes and rois 2, found {} and {}", x ? to_string(*x) : "?",
         rois ? to_string(*rois) : "?");
  }
  if (rois) merge_dims((*rois)[1], Dim(5), "the numbers of a region");
  context.set_output(0, context.dtype(0),
                     SymShape{rois ? (*rois)[0] : Dim(), x ? (*x)[1] : Dim(), pooled[0], pooled[1]});
}

/// The elements [begin, end) along one axis that go into a bin.
struct Bin {
  int64_t begin, end;
};

/// The index-th of `count` equal parts of [first, last], both ends included, clipped to the image.
Bin bin(float first, float last, int64_t index, int64_t count, int64_t extent) {
  const float size = std::max(last - first + 1, 1.0f) / static_cast<float>(count);
  const auto clip = [&](float at) {
    return static_cast<int64_t>(std::clamp(at + first, 0.0f, static_cast<float>(extent)));
  };
  return {clip(std::floor(static_cast<float>(index) * size)), clip(std::ceil(static_cast<float>(index + 1) * size))};
}

template <class T>
void max_roi_pool(EvalContext& context, const Tensor& x, const Tensor& rois, Tensor& y) {
  const float scale = context.attr_float("spatial_scale");
  const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3), rows = y.dim(2), columns = y.dim(3);
  context.parallel_for(rois.dim(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* roi = rois.data<T>() + r * 5;
      const float image = roi[0];
      if (!(image >= 0 && image < static_cast<float>(x.dim(0)))) {
        fail(ErrorCode::invalid_argument, "region {} is of image {}, but there are {}", r, image, x.dim(0));
      }
      std::array<float, 4> corners;
      for (size_t i = 0; i < 4; ++i) {
        corners[i] = std::round(static_cast<float>(roi[i + 1]) * scale);
        if (!std::isfinite(corners[i])) fail(ErrorCode::invalid_argument, "region {} is not finite", r);
      }
      const T* planes = x.data<T>() + static_cast<int64_t>(image) * channels * height * width;
      T* out = y.mutable_data<T>() + r * channels * rows * columns;
      for (int64_t i = 0; i < rows * columns; ++i) {
        const Bin down = bin(corners[1], corners[3], i / columns, rows, height);
        const Bin across = bin(corners[0], corners[2], i % columns, columns, width);
        const bool empty = down.begin >= down.end || across.begin >= across.end;
        for (int64_t c = 0; c < channels; ++c) {
          T best = empty ? T(0.0f) : std::numeric_limits<T>::lowest();
          for (int64_t row = down.begin; row < down.end; ++row, stop_point(across.end - across.begin)) {
            const T* line = planes + (c * height + row) * width;
            for (int64_t column = across.begin; column < across.end; ++column) best = std::max(best, line[column]);
          }
          out[c * rows * columns + i] = best;
        }
      }
    }
  });
}

void eval_max_roi_pool(EvalContext& context) {
  const Tensor &x = context.input(0), &rois = context.input(1);
  const auto pooled = read_pooled_shape(context);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 5) {
    fail(ErrorCode::invalid_argument, "X of shape {} and rois of shape {}, expected [N,C,H,W] and [R,5]",
         to_string(x.shape()), to_string(rois.shape()));
  }
  Tensor& y = context.output(0, x.dtype(), {rois.dim(0), x.dim(1), pooled[0], pooled[1]});
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> { max_roi_pool<T>(context, x, rois, y); });
}

}  // namespace

extern const OpDef max_roi_pool_op{"", "MaxRoiPool", max_roi_pool_versions, infer_max_roi_pool, eval_max_roi_pool};

}  // namespace kiln::ops
