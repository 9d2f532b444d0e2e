#include "ops/support/quantized.hpp"

namespace kiln::ops {

void check_zero_point_type(const InferContext& context, size_t tensor, size_t zero_point) {
  const DType wanted = context.dtype(tensor), found = context.dtype(zero_point);
  if (wanted != DType::undefined && found != DType::undefined && wanted != found) {
    fail(ErrorCode::invalid_argument, "the zero point (input {}) is of type {}, expected {} as input {} is", zero_point,
         dtype_name(found), dtype_name(wanted), tensor);
  }
}

std::vector<float> scale_elements(const Tensor& tensor) {
  return dispatch(Types<float, f16, bf16>{}, tensor.dtype(), [&]<class T> {
    const auto elements = tensor.elements<T>();
    return std::vector<float>(elements.begin(), elements.end());
  });
}

Shape parameter_shape(const Shape& parameter, const Shape& matrices, bool by_row) {
  Shape shape = parameter;
  if (element_count(shape) == 1) return {};
  if (by_row && shape.size() == 1 && matrices.size() > 1) shape.push_back(1);
  bool fits = shape.size() <= matrices.size();
  for (size_t i = 1; fits && i <= shape.size(); ++i) {
    const int64_t extent = shape[shape.size() - i];
    fits = extent == 1 || extent == matrices[matrices.size() - i];
  }
  if (!fits) {
    fail(ErrorCode::invalid_argument, "a scale or zero point of shape {} does not fit a tensor of shape {}",
         to_string(parameter), to_string(matrices));
  }
  return shape;
}

}  // namespace kiln::ops
