#include <algorithm>
#include <array>
#include <vector>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText affine_grid_versions[] = {
    {20, "theta:T1 size:T2 -> grid:T1", "align_corners:int=0", "T1=real,bf16 T2=i64"},
};

void infer_affine_grid(InferContext& context) {
  context.set_output(0, context.dtype(0));
  if (context.shape(1) && context.shape(1)->size() != 1) fail(ErrorCode::invalid_argument, "'size' must be a list");
  if (context.shape(0) && context.shape(0)->size() != 3) {
    fail(ErrorCode::invalid_argument, "theta must have 3 axes, found shape {}", to_string(*context.shape(0)));
  }
  Dim length = context.shape(1) ? (*context.shape(1))[0] : Dim();
  const auto size = context.dims(1);
  if (size) length = Dim(static_cast<int64_t>(size->size()));
  if (!length.is_known()) return;
  if (length.value() != 4 && length.value() != 5) {
    fail(ErrorCode::invalid_argument, "'size' has {} numbers, expected 4 or 5", length.value());
  }
  const auto axes = static_cast<size_t>(length.value() - 2);
  SymShape output(axes + 2);
  if (size) {
    output[0] = (*size)[0];
    std::copy(size->begin() + 2, size->end(), output.begin() + 1);
  }
  output.back() = Dim(static_cast<int64_t>(axes));
  if (const SymShape* theta = context.shape(0)) {
    output[0] = merge_dims(output[0], (*theta)[0], "the batch sizes of theta and size");
    merge_dims((*theta)[1], Dim(static_cast<int64_t>(axes)), "the rows of theta");
    merge_dims((*theta)[2], Dim(static_cast<int64_t>(axes + 1)), "the columns of theta");
  }
  context.set_output(0, context.dtype(0), output);
}

/// The coordinates of `count` pixels along an axis that reaches from -1 to 1: of its outer edges, or, when corners are
/// aligned, of the centers of the pixels at the ends.
std::vector<double> coordinates(int64_t count, bool align_corners) {
  const double step =
      align_corners ? (count > 1 ? 2.0 / static_cast<double>(count - 1) : 0.0) : 2.0 / static_cast<double>(count);
  const double start = align_corners ? -1 : -1 + step / 2;
  std::vector<double> result(static_cast<size_t>(count));
  for (size_t i = 0; i < result.size(); ++i) result[i] = start + static_cast<double>(i) * step;
  return result;
}

template <class T>
void affine_grid(EvalContext& context, const Tensor& theta, const Shape& image, Tensor& grid) {
  const auto axes = static_cast<int64_t>(image.size());
  std::vector<std::vector<double>> along;
  for (const int64_t extent : image) along.push_back(coordinates(extent, context.attr_int("align_corners") != 0));
  const int64_t pixels = product(image);
  const T* matrices = theta.data<T>();
  T* to = grid.mutable_data<T>();
  context.parallel_for(theta.dim(0) * pixels, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* matrix = matrices + i / pixels * axes * (axes + 1);
      // x runs along the last axis of the image and comes first in the grid.
      std::array<double, 4> point{};
      int64_t rest = i % pixels;
      for (int64_t axis = axes; axis-- > 0;) {
        const auto a = static_cast<size_t>(axis);
        point[static_cast<size_t>(axes - 1 - axis)] = along[a][static_cast<size_t>(rest % image[a])];
        rest /= image[a];
      }
      point[static_cast<size_t>(axes)] = 1;
      for (int64_t row = 0; row < axes; ++row) {
        double sum = 0;
        for (int64_t k = 0; k <= axes; ++k) sum += matrix[row * (axes + 1) + k] * point[static_cast<size_t>(k)];
        to[i * axes + row] = T(sum);
      }
    }
  });
}

void eval_affine_grid(EvalContext& context) {
  const Tensor& theta = context.input(0);
  const Shape size = context.input_ints(1);
  const auto axes = static_cast<int64_t>(size.size()) - 2;
  if (axes != 2 && axes != 3) {
    fail(ErrorCode::invalid_argument, "'size' has {} numbers, expected 4 or 5", size.size());
  }
  if (theta.shape() != Shape{size[0], axes, axes + 1}) {
    fail(ErrorCode::invalid_argument, "theta has shape {}, expected {}", to_string(theta.shape()),
         to_string(Shape{size[0], axes, axes + 1}));
  }
  const Shape image(size.begin() + 2, size.end());
  Shape output = image;
  output.insert(output.begin(), size[0]);
  output.push_back(axes);
  Tensor& grid = context.output(0, theta.dtype(), output);
  if (grid.size() == 0) return;
  dispatch(FloatTypes{}, theta.dtype(), [&]<class T> { affine_grid<T>(context, theta, image, grid); });
}

}  // namespace

extern const OpDef affine_grid_op{"", "AffineGrid", affine_grid_versions, infer_affine_grid, eval_affine_grid};

}  // namespace kiln::ops
