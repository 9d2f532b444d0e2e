#include "cli/json.hpp"

#include <fmt/core.h>

#include "cli/elements.hpp"

namespace kiln::cli {
namespace {

Json nested(const Tensor& tensor, size_t axis, int64_t begin, int64_t count) {
  if (axis == tensor.shape().size()) return element_json(tensor, begin);
  Json list = Json::array();
  const int64_t dim = tensor.shape()[axis];
  const int64_t step = dim == 0 ? 0 : count / dim;
  for (int64_t i = 0; i < dim; ++i) list.push_back(nested(tensor, axis + 1, begin + i * step, step));
  return list;
}

Json tensor_json(const Tensor& tensor) { return nested(tensor, 0, 0, tensor.size()); }

}  // namespace

void print_json(const Json& json) { fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace)); }

Json port_json(const PortInfo& port) {
  Json shape = nullptr;
  if (port.has_shape) {
    shape = Json::array();
    for (const PortDim& dim : port.shape) {
      if (dim.value >= 0) {
        shape.push_back(dim.value);
      } else if (!dim.symbol.empty()) {
        shape.push_back(dim.symbol);
      } else {
        shape.push_back(nullptr);
      }
    }
  }
  return {{"name", port.name}, {"type", port.type}, {"shape", shape}, {"optional", port.optional}};
}

Json value_json(const Value& value) {
  if (value.is_none()) return nullptr;
  if (value.is_tensor()) return tensor_json(value.tensor());
  if (value.is_sparse()) {
    const SparseTensor& sparse = value.sparse();
    return {{"shape", sparse.shape}, {"values", tensor_json(sparse.values)}, {"indices", tensor_json(sparse.indices)}};
  }
  Json list = Json::array();
  if (value.is_sequence()) {
    for (const Value& item : value.sequence().items) list.push_back(value_json(item));
    return list;
  }
  const Map& map = value.map();
  for (int64_t i = 0; i < map.keys.size(); ++i) {
    list.push_back(Json::array({element_json(map.keys, i), element_json(map.values, i)}));
  }
  return list;
}

}  // namespace kiln::cli
