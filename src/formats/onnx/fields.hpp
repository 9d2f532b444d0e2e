#pragma once

#include <cstdint>

/// The field numbers of ONNX's protobuf messages.
namespace kiln::onnx::field {

namespace model {
enum : uint32_t {
  ir_version = 1,
  producer_name = 2,
  producer_version = 3,
  domain = 4,
  model_version = 5,
  doc = 6,
  graph = 7,
  opset_import = 8,
  metadata = 14,
  training_info = 20,
  functions = 25,
  configuration = 26,
};
}
namespace opset {
enum : uint32_t { domain = 1, version = 2 };
}
namespace entry {
enum : uint32_t { key = 1, value = 2 };
}
namespace graph {
enum : uint32_t {
  node = 1,
  name = 2,
  initializer = 5,
  doc = 10,
  input = 11,
  output = 12,
  value_info = 13,
  quantization = 14,
  sparse_initializer = 15,
  metadata = 16,
};
}
namespace node {
enum : uint32_t {
  input = 1,
  output = 2,
  name = 3,
  op_type = 4,
  attribute = 5,
  doc = 6,
  domain = 7,
  overload = 8,
  metadata = 9,
  device_configurations = 10,
};
}
namespace attribute {
enum : uint32_t {
  name = 1,
  f = 2,
  i = 3,
  s = 4,
  t = 5,
  g = 6,
  floats = 7,
  ints = 8,
  strings = 9,
  tensors = 10,
  graphs = 11,
  doc = 13,
  tp = 14,
  type_protos = 15,
  type = 20,
  ref_attr_name = 21,
  sparse_tensor = 22,
  sparse_tensors = 23,
};
}
namespace value_info {
enum : uint32_t { name = 1, type = 2, doc = 3, metadata = 4 };
}
namespace function {
enum : uint32_t {
  name = 1,
  input = 4,
  output = 5,
  attribute = 6,
  node = 7,
  doc = 8,
  opset_import = 9,
  domain = 10,
  attribute_proto = 11,
  value_info = 12,
  overload = 13,
  metadata = 14,
};
}
namespace training {
enum : uint32_t { initialization = 1, algorithm = 2, initialization_binding = 3, update_binding = 4 };
}
namespace annotation {
enum : uint32_t { tensor_name = 1, parameters = 2 };
}
namespace tensor {
enum : uint32_t {
  dims = 1,
  data_type = 2,
  segment = 3,
  float_data = 4,
  int32_data = 5,
  string_data = 6,
  int64_data = 7,
  name = 8,
  raw_data = 9,
  double_data = 10,
  uint64_data = 11,
  doc = 12,
  external_data = 13,
  data_location = 14,
  metadata = 16,
};
}
namespace sparse {
enum : uint32_t { values = 1, indices = 2, dims = 3 };
}
namespace type {
enum : uint32_t { tensor = 1, sequence = 4, map = 5, denotation = 6, opaque = 7, sparse = 8, optional = 9 };
}
namespace tensor_type {
enum : uint32_t { elem_type = 1, shape = 2 };
}
namespace shape {
enum : uint32_t { dim = 1 };
}
namespace dimension {
enum : uint32_t { value = 1, param = 2, denotation = 3 };
}
namespace sequence_type {
enum : uint32_t { elem_type = 1 };  // of optional types too
}
namespace map_type {
enum : uint32_t { key_type = 1, value_type = 2 };
}
namespace opaque_type {
enum : uint32_t { domain = 1, name = 2 };
}
namespace sequence {
enum : uint32_t { name = 1, elem_type = 2, tensors = 3, sparse_tensors = 4, sequences = 5, maps = 6, optionals = 7 };
}
namespace map {
enum : uint32_t { name = 1, key_type = 2, keys = 3, string_keys = 4, values = 5 };
}
namespace optional {
enum : uint32_t { name = 1, elem_type = 2, tensor = 3, sparse_tensor = 4, sequence = 5, map = 6, optional = 7 };
}

}  // namespace kiln::onnx::field
