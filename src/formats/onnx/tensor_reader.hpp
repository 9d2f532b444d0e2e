#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "formats/onnx/read_context.hpp"
#include "kiln/tensor.hpp"

namespace kiln::onnx {

/// A TensorProto as read. The tensor is undefined where a fault, which is then reported, leaves it without a value.
struct NamedTensor {
  std::string name;
  Tensor tensor;
  std::string doc;
  Metadata metadata;
  Metadata external;
};

NamedTensor read_tensor(ReadContext& context, std::string_view message);

/// A SparseTensorProto; its name is that of its values.
struct NamedSparseTensor {
  std::string name;
  SparseTensor tensor;
};

NamedSparseTensor read_sparse_tensor(ReadContext& context, std::string_view message);

}  // namespace kiln::onnx
