#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/fourier.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dft_versions[] = {
    {17, "input:T1 dft_length?:T2 -> output:T1", "axis:int=1 inverse:int=0 onesided:int=0", "T1=real,bf16 T2=i32,i64"},
    {20, "input:T1 dft_length?:T2 axis?:i64 -> output:T1", "inverse:int=0 onesided:int=0", "T1=real,bf16 T2=i32,i64"},
};

struct DftKind {
  bool inverse, onesided;
  explicit DftKind(const NodeView& node)
      : inverse(node.attr_int("inverse") != 0), onesided(node.attr_int("onesided") != 0) {}
  bool to_real() const { return inverse && onesided; }
};

int64_t checked_axis(int64_t axis, size_t rank) {
  const auto limit = static_cast<int64_t>(rank);
  if (limit < 2) fail(ErrorCode::invalid_argument, "the input must have rank 2 or more, found {}", limit);
  if (axis < -limit || axis == -1 || axis >= limit - 1) {
    fail(ErrorCode::invalid_argument, "axis {} is no signal axis of a tensor of rank {}", axis, limit);
  }
  return axis < 0 ? axis + limit : axis;
}

/// One number for a real element, two for a complex one.
void check_parts(int64_t parts, const DftKind& kind) {
  if (parts != 1 && parts != 2) {
    fail(ErrorCode::invalid_argument, "the last dim is {}, expected 1 (real) or 2 (complex)", parts);
  }
  if (kind.onesided && parts != (kind.inverse ? 2 : 1)) {
    fail(ErrorCode::invalid_argument, "a one-sided {}transform needs {} input", kind.inverse ? "inverse " : "",
         kind.inverse ? "complex" : "real");
  }
}

Dim default_length(const Dim& extent, const DftKind& kind) {
  return kind.to_real() ? Dim(2) * (extent - Dim(1)) : extent;
}

void check_scalar(const InferContext& c, size_t input) {
  const SymShape* shape = c.shape(input);
  if (shape && !shape->empty()) {
    fail(ErrorCode::invalid_argument, "input {} must be a scalar, found shape {}", input, to_string(*shape));
  }
}

/// Nothing when it is an input that is not known.
std::optional<int64_t> known_axis(const InferContext& c) {
  if (c.version() < 20) return c.attr_int("axis");
  if (!c.has_input(2)) return -2;
  const auto axis = c.ints(2);
  if (!axis || axis->size() != 1) return {};
  return axis->front();
}

void infer_dft(InferContext& c) {
  const DftKind kind(c);
  check_scalar(c, 1);
  check_scalar(c, 2);
  const SymShape* input = c.shape(0);
  if (!input) return c.set_output(0, c.dtype(0));
  if (input->size() < 2) checked_axis(0, input->size());
  if (input->back().is_known()) check_parts(input->back().value(), kind);
  SymShape shape = *input;
  const auto axis = known_axis(c);
  if (axis) {
    Dim& dim = shape[static_cast<size_t>(checked_axis(*axis, shape.size()))];
    const auto given = c.dims(1);
    Dim length = c.has_input(1) ? Dim() : default_length(dim, kind);
    if (given && given->size() == 1) length = given->front();
    dim = kind.onesided && !kind.inverse ? floor_div(length, Dim(2)) + Dim(1) : length;
  } else if (kind.onesided || c.has_input(1)) {
    std::fill(shape.begin(), shape.end(), Dim());
  }
  shape.back() = kind.to_real() ? 1 : 2;
  c.set_output(0, c.dtype(0), shape);
}

/// A transform of all lines of a tensor along one axis.
template <class Real>
struct Lines {
  using Complex = std::complex<Real>;
  AxisView view;
  int64_t parts;
  const Fourier<Real>& fourier;
  DftKind kind;
  int64_t results;  ///< elements that a line of the output has

  template <class T>
  void run(const T* from, T* to, int64_t line, std::vector<Complex>& data, std::vector<Complex>& scratch) const {
    const int64_t length = fourier.length(), outer = line / view.inner, inner = line % view.inner;
    data.assign(static_cast<size_t>(length), Complex());
    const int64_t used = kind.to_real() ? length / 2 + 1 : length;
    for (int64_t n = 0; n < std::min(view.extent, used); ++n) {
      const T* element = from + ((outer * view.extent + n) * view.inner + inner) * parts;
      data[static_cast<size_t>(n)] = {static_cast<Real>(element[0]), parts == 2 ? static_cast<Real>(element[1]) : 0};
    }
    if (kind.to_real()) mirror(data);
    if (kind.inverse) {
      fourier.invert(data.data(), scratch);
    } else {
      fourier.transform(data.data(), scratch);
    }
    const int64_t width = kind.to_real() ? 1 : 2;
    for (int64_t k = 0; k < results; ++k) {
      T* element = to + ((outer * results + k) * view.inner + inner) * width;
      element[0] = static_cast<T>(data[static_cast<size_t>(k)].real());
      if (width == 2) element[1] = static_cast<T>(data[static_cast<size_t>(k)].imag());
    }
  }

  /// Completes a half spectrum to that of a real signal.
  static void mirror(std::vector<Complex>& data) {
    const size_t length = data.size();
    data[0] = data[0].real();
    if (length % 2 == 0) data[length / 2] = data[length / 2].real();
    for (size_t k = 1; k < length - k; ++k) data[length - k] = std::conj(data[k]);
  }
};

template <class T, class Real>
void transform_all(EvalContext& c, const AxisView& view, const DftKind& kind, int64_t length, int64_t results,
                   Tensor& output) {
  const Tensor& input = c.input(0);
  const Fourier<Real> fourier(length);
  const Lines<Real> lines{view, input.dim(-1), fourier, kind, results};
  const T* from = input.data<T>();
  T* to = output.mutable_data<T>();
  c.parallel_for(view.outer * view.inner, 1 + 4096 / length, [&](int64_t begin, int64_t end) {
    std::vector<std::complex<Real>> data, scratch;
    for (int64_t line = begin; line < end; ++line) lines.run(from, to, line, data, scratch);
  });
}

void eval_dft(EvalContext& c) {
  const DftKind kind(c);
  const Tensor& input = c.input(0);
  const int64_t asked = c.version() < 20 ? c.attr_int("axis") : c.has_input(2) ? c.input_int(2) : -2;
  const int64_t axis = checked_axis(asked, input.shape().size());
  check_parts(input.dim(-1), kind);
  const int64_t length = c.has_input(1) ? c.input_int(1) : default_length(input.dim(axis), kind).value();
  if (length < 1 || length > max_fourier_length) {
    fail(ErrorCode::invalid_argument, "the length of the transform is {}, expected 1 to {}", length,
         max_fourier_length);
  }
  const int64_t results = kind.onesided && !kind.inverse ? length / 2 + 1 : length;
  Shape shape = input.shape();
  shape[static_cast<size_t>(axis)] = results;
  shape.back() = kind.to_real() ? 1 : 2;
  Tensor& output = c.output(0, input.dtype(), shape);
  if (output.size() == 0) return;
  const AxisView view(Shape(input.shape().begin(), input.shape().end() - 1), axis);
  dispatch(FloatTypes{}, input.dtype(), [&]<class T> {
    // Complex floats are computed in float, as by numpy, whose rounding of what should be 0 the standard's own cases
    // hold; all else in double.
    if (std::is_same_v<T, float> && input.dim(-1) == 2 && !kind.to_real() && has_small_factors(length)) {
      transform_all<T, float>(c, view, kind, length, results, output);
    } else {
      transform_all<T, double>(c, view, kind, length, results, output);
    }
  });
}

}  // namespace

extern const OpDef dft_op{"", "DFT", dft_versions, infer_dft, eval_dft};

}  // namespace kiln::ops
