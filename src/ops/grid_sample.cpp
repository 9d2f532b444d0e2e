#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/saturate.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText grid_sample_versions[] = {
    {16, "X:T1 grid:T2 -> Y:T1", "align_corners:int=0 mode:string=bilinear padding_mode:string=zeros",
     "T1=basic T2=real"},
    {20, "X:T1 grid:T2 -> Y:T1", "align_corners:int=0 mode:string=linear padding_mode:string=zeros",
     "T1=basic T2=real"},
    {22, "X:T1 grid:T2 -> Y:T1", "align_corners:int=0 mode:string=linear padding_mode:string=zeros",
     "T1=basic,bf16 T2=real,bf16"},
};

enum class GridMode : uint8_t { nearest, linear, cubic };
enum class Padding : uint8_t { zeros, border, reflection };

/// The names changed with version 20; both are understood in all.
GridMode read_grid_mode(const NodeView& node) {
  const std::string mode = node.attr_string("mode", "linear");
  if (mode == "nearest") return GridMode::nearest;
  if (mode == "linear" || mode == "bilinear") return GridMode::linear;
  if (mode == "cubic" || mode == "bicubic") return GridMode::cubic;
  fail(ErrorCode::invalid_model, "attribute 'mode' is '{}', expected nearest, linear or cubic", mode);
}

Padding read_padding(const NodeView& node) {
  const std::string padding = node.attr_string("padding_mode", "zeros");
  if (padding == "zeros") return Padding::zeros;
  if (padding == "border") return Padding::border;
  if (padding == "reflection") return Padding::reflection;
  fail(ErrorCode::invalid_model, "attribute 'padding_mode' is '{}', expected zeros, border or reflection", padding);
}

void check_ranks(const NodeView& node, size_t x, size_t grid) {
  if (x != grid || x < 3 || (node.version() < 20 && x != 4)) {
    fail(ErrorCode::invalid_argument, "X and grid have {} and {} axes, expected {} of both", x, grid,
         node.version() < 20 ? "4" : "the same number, at least 3,");
  }
  // A cubic sample is made of 4 elements along each axis.
  if (x > 10) fail(ErrorCode::unsupported, "X has {} spatial axes, at most 8 are supported", x - 2);
}

void infer_grid_sample(InferContext& context) {
  read_grid_mode(context);
  read_padding(context);
  context.set_output(0, context.dtype(0));
  if (!context.shape(0) || !context.shape(1)) return;
  const SymShape &x = *context.shape(0), &grid = *context.shape(1);
  check_ranks(context, x.size(), grid.size());
  merge_dims(grid.back(), Dim(static_cast<int64_t>(x.size() - 2)), "the coordinates of a point and the spatial axes");
  SymShape output{merge_dims(x[0], grid[0], "the batch sizes of X and grid"), x[1]};
  output.insert(output.end(), grid.begin() + 1, grid.end() - 1);
  context.set_output(0, context.dtype(0), output);
}

/// Mirrors a coordinate at the borders until it lies between them.
template <class Real>
Real reflect(Real at, Real low, Real high) {
  const Real range = high - low;
  if (!(range > 0)) return low;
  if (at >= low && at <= high) return at;
  const Real distance = at < low ? low - at : at - high;
  const Real turns = std::trunc(distance / range), rest = distance - turns * range;
  const bool from_near = std::fmod(turns, Real(2)) == 0;
  return (at < low) == from_near ? low + rest : high - rest;
}

/// One axis of the image.
template <class Real>
struct Axis {
  int64_t extent, step;
  Real low, high;  ///< the borders that reflection mirrors at

  Axis(int64_t extent_, int64_t step_, bool align_corners)
      : extent(extent_),
        step(step_),
        low(align_corners ? Real(0) : Real(-0.5)),
        high(static_cast<Real>(extent_) - (align_corners ? Real(1) : Real(0.5))),
        align_corners_(align_corners) {}

  /// Where a grid coordinate lies in pixels, padded but not yet rounded.
  Real place(Real normalized, GridMode mode, Padding padding) const {
    const auto size = static_cast<Real>(extent);
    Real at = align_corners_ ? (normalized + 1) / 2 * (size - 1) : ((normalized + 1) * size - 1) / 2;
    if (mode == GridMode::nearest) at = std::nearbyint(at);
    if (!(at >= low && at <= high)) {
      // A cubic sample beyond the border still weighs its elements as it lies.
      const bool clamps = padding == Padding::border && mode != GridMode::cubic;
      if (clamps) at = std::isnan(at) ? 0 : std::clamp(at, Real(0), size - 1);
      if (padding == Padding::reflection) at = std::isfinite(at) ? reflect(at, low, high) : 0;
    }
    // What is further away than any tap reaches is alike; and NaN lies outside.
    return std::isnan(at) ? Real(-8) : std::clamp(at, Real(-8), size + 8);
  }

  /// The element that an index, maybe outside, stands for: -1 for zero.
  int64_t pixel(int64_t index, Padding padding) const {
    if (index >= 0 && index < extent) return index;
    if (padding == Padding::zeros) return -1;
    if (padding == Padding::reflection) index = static_cast<int64_t>(reflect(static_cast<Real>(index), low, high));
    return std::clamp<int64_t>(index, 0, extent - 1);
  }

 private:
  bool align_corners_;
};

/// Keys' cubic convolution with a = -0.75.
template <class Real>
Real cubic(Real distance) {
  constexpr Real a = Real(-0.75);
  const Real x = std::fabs(distance);
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/// The elements that make one output value, as offsets into a channel, and their weights.
template <class Real>
struct Taps {
  std::vector<int64_t> offsets;
  std::vector<Real> weights;
};

template <class Real>
class Sampler {
 public:
  Sampler(const EvalContext& context, const Shape& x)
      : mode_(read_grid_mode(context)), padding_(read_padding(context)) {
    const std::vector<int64_t> steps = row_major_strides(x);
    const bool align_corners = context.attr_int("align_corners", 0) != 0;
    for (size_t axis = 2; axis < x.size(); ++axis) axes_.emplace_back(x[axis], steps[axis], align_corners);
  }

  /// The taps of a point, whose coordinates are given last axis first.
  template <class G>
  void find(const G* point, Taps<Real>& taps) const {
    taps.offsets.assign(1, 0);
    taps.weights.assign(1, 1);
    for (size_t axis = 0; axis < axes_.size(); ++axis) {
      add_axis(axes_[axis], static_cast<Real>(point[axes_.size() - 1 - axis]), taps);
    }
  }

 private:
  /// Every tap so far becomes the taps along one more axis.
  void add_axis(const Axis<Real>& axis, Real normalized, Taps<Real>& taps) const {
    const Real at = axis.place(normalized, mode_, padding_), floor = std::floor(at), fraction = at - floor;
    const auto index = static_cast<int64_t>(floor);
    const int64_t first = mode_ == GridMode::cubic ? -1 : 0, count = mode_ == GridMode::nearest  ? 1
                                                                     : mode_ == GridMode::linear ? 2
                                                                                                 : 4;
    Taps<Real> grown;
    for (size_t i = 0; i < taps.offsets.size(); ++i) {
      for (int64_t k = first; k < first + count; ++k) {
        const int64_t pixel = axis.pixel(index + k, padding_);
        if (pixel < 0) continue;
        const Real distance = fraction - static_cast<Real>(k);
        const Real weight = mode_ == GridMode::nearest  ? 1
                            : mode_ == GridMode::linear ? 1 - std::fabs(distance)
                                                        : cubic(distance);
        grown.offsets.push_back(taps.offsets[i] + pixel * axis.step);
        grown.weights.push_back(taps.weights[i] * weight);
      }
    }
    taps = std::move(grown);
  }

  GridMode mode_;
  Padding padding_;
  std::vector<Axis<Real>> axes_;
};

/// Calls write(output offset, channel's offset in X, taps) for each value of the output.
template <class G, class Write>
void for_samples(EvalContext& context, const Tensor& x, const Tensor& grid, const Shape& output, Write&& write) {
  using Real = std::conditional_t<std::is_same_v<G, double>, double, float>;
  const Sampler<Real> sampler(context, x.shape());
  const int64_t points = product(output, 2, x.rank()), plane = product(x.shape(), 2, x.rank()), channels = x.dim(1);
  const G* coordinates = grid.data<G>();
  context.parallel_for(output[0] * points, 1024 / (channels + 1) + 1, [&](int64_t begin, int64_t end) {
    Taps<Real> taps;
    for (int64_t i = begin; i < end; ++i) {
      sampler.find(coordinates + i * (x.rank() - 2), taps);
      const int64_t image = i / points;
      for (int64_t c = image * channels; c < (image + 1) * channels; ++c)
        write(c * points + i % points, c * plane, taps);
    }
  });
}

template <class T, class Sum>
T grid_element(Sum sum) {
  if constexpr (std::is_same_v<T, bool>) {
    return sum >= 0.5;
  } else if constexpr (std::is_integral_v<T>) {
    return rounded<T>(sum);
  } else {
    return static_cast<T>(sum);
  }
}

template <class G>
void sample(EvalContext& context, const Tensor& x, const Tensor& grid, Tensor& y) {
  if (read_grid_mode(context) == GridMode::nearest) {
    return dispatch_by_size(x.dtype(), [&]<class T> {
      const auto* from = static_cast<const T*>(x.raw());
      auto* to = static_cast<T*>(y.mutable_raw());
      for_samples<G>(context, x, grid, y.shape(), [&](int64_t at, int64_t channel, const auto& taps) {
        to[at] = taps.offsets.empty() ? T{} : from[channel + taps.offsets[0]];
      });
    });
  }
  dispatch(Join<NumericTypes, ComplexTypes, Types<bool>>{}, x.dtype(), [&]<class T> {
    constexpr bool complex = dtype_of<T> == DType::c64 || dtype_of<T> == DType::c128;
    using Sum = std::conditional_t<complex, std::complex<double>, double>;
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    for_samples<G>(context, x, grid, y.shape(), [&](int64_t at, int64_t channel, const auto& taps) {
      Sum sum{};
      for (size_t i = 0; i < taps.offsets.size(); ++i) {
        sum += static_cast<double>(taps.weights[i]) * static_cast<Sum>(from[channel + taps.offsets[i]]);
      }
      to[at] = grid_element<T>(sum);
    });
  });
}

void eval_grid_sample(EvalContext& context) {
  const Tensor &x = context.input(0), &grid = context.input(1);
  check_ranks(context, x.shape().size(), grid.shape().size());
  if (grid.dim(-1) != x.rank() - 2 || grid.dim(0) != x.dim(0)) {
    fail(ErrorCode::invalid_argument, "X of shape {} and grid of shape {}, expected {} coordinates and one batch size",
         to_string(x.shape()), to_string(grid.shape()), x.rank() - 2);
  }
  Shape output{x.dim(0), x.dim(1)};
  output.insert(output.end(), grid.shape().begin() + 1, grid.shape().end() - 1);
  Tensor& y = context.output(0, x.dtype(), output);
  if (y.size() == 0) return;
  if (x.size() == 0) fail(ErrorCode::invalid_argument, "X of shape {} has no pixels", to_string(x.shape()));
  dispatch(FloatTypes{}, grid.dtype(), [&]<class G> { sample<G>(context, x, grid, y); });
}

}  // namespace

extern const OpDef grid_sample_op{"", "GridSample", grid_sample_versions, infer_grid_sample, eval_grid_sample};

}  // namespace kiln::ops
