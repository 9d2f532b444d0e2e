#include "ops/support/quantization.hpp"

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

struct Granularity {
  Shape shape;
  int64_t axis = 0;
  int64_t block = 0;  ///< 0 where nothing is to be repeated
};

int64_t quantization_axis(const NodeView& node, int64_t rank) {
  const int64_t axis = node.attr_int("axis", 1);
  // A list has only one axis, and the default does not name it.
  return rank == 1 && axis == 1 ? 0 : normalize_axis(axis, rank, "attribute 'axis':");
}

Granularity granularity(const NodeView& node, const Shape& parameter, const Shape& quantized, const char* what) {
  if (element_count(parameter) == 1) return {};
  const auto rank = static_cast<int64_t>(quantized.size());
  if (rank == 0) {
    fail(ErrorCode::invalid_argument, "{} of shape {} does not fit a scalar", what, to_string(parameter));
  }
  Granularity result;
  result.axis = quantization_axis(node, rank);
  const auto at = static_cast<size_t>(result.axis);
  const int64_t block = node.attr_int("block_size", 0);
  if (block < 0) fail(ErrorCode::invalid_model, "attribute 'block_size' is {}, and must be positive", block);
  if (block == 0) {
    if (parameter.size() != 1 || parameter[0] != quantized[at]) {
      fail(ErrorCode::invalid_argument, "{} is of shape {}, expected one number or [{}], one for each along axis {}",
           what, to_string(parameter), quantized[at], at);
    }
    result.shape.assign(quantized.size(), 1);
    result.shape[at] = quantized[at];
    return result;
  }
  Shape expected = quantized;
  expected[at] = quantized[at] / block + (quantized[at] % block != 0 ? 1 : 0);
  if (parameter != expected) {
    fail(ErrorCode::invalid_argument, "{} is of shape {}, expected {} for blocks of {} along axis {} of {}", what,
         to_string(parameter), to_string(expected), block, at, to_string(quantized));
  }
  result.shape = quantized;
  result.block = block;
  return result;
}

Tensor repeat_blocks(const Tensor& from, const Granularity& how) {
  Tensor to(from.dtype(), how.shape);
  const auto rank = static_cast<int64_t>(how.shape.size());
  const int64_t outer = product(how.shape, 0, how.axis), inner = product(how.shape, how.axis + 1, rank);
  const int64_t length = how.shape[static_cast<size_t>(how.axis)], blocks = from.dim(how.axis);
  dispatch_by_size(from.dtype(), [&]<class T> {
    const T* in = static_cast<const T*>(from.raw());
    T* out = static_cast<T*>(to.mutable_raw());
    for (int64_t i = 0; i < outer; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        const T* block = in + (i * blocks + j / how.block) * inner;
        out = std::copy(block, block + inner, out);
      }
    }
  });
  return to;
}

}  // namespace

QuantizationParameter spread_parameter(const NodeView& node, const Tensor& parameter, const Shape& quantized,
                                       const char* what) {
  const Granularity how = granularity(node, parameter.shape(), quantized, what);
  return {how.block != 0 ? repeat_blocks(parameter, how) : parameter, how.shape};
}

void check_parameter_shapes(InferContext& context) {
  const auto numbers = [&](size_t index) {
    const SymShape* shape = context.shape(index);
    return shape ? known_shape(*shape) : std::nullopt;
  };
  const auto quantized = numbers(0), scale = numbers(1), zero_point = numbers(2);
  if (quantized && scale) granularity(context, *scale, *quantized, "the scale");
  if (quantized && zero_point) granularity(context, *zero_point, *quantized, "the zero point");
}

}  // namespace kiln::ops
