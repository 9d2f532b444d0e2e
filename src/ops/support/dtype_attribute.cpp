#include "ops/support/dtype_attribute.hpp"

#include "base/error.hpp"

namespace kiln::ops {

DType dtype_attribute(const NodeView& node, std::string_view name, DType otherwise) {
  const int64_t number = node.attr_int(name, static_cast<int64_t>(otherwise));
  if (number < 0 || number >= kDTypeCount || (number == 0 && otherwise != DType::undefined)) {
    fail(ErrorCode::invalid_model, "attribute '{}' is {}, which is not the number of an element type", name, number);
  }
  const auto dtype = static_cast<DType>(number);
  if (dtype == DType::undefined) return dtype;
  const FormalParameter* output = node.schema().output_at(0);
  if (output && !node.schema().allows(*output, Type::tensor(dtype).onnx_name())) {
    fail(ErrorCode::invalid_model, "attribute '{}' asks for elements of type {}, which version {} of {} cannot give",
         name, dtype_name(dtype), node.version(), node.node().op_type);
  }
  return dtype;
}

}  // namespace kiln::ops
