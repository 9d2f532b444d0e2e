#include <cstring>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText constant_versions[] = {
    {1, "-> output:T", "value!:tensor", "T=real"},
    {9, "-> output:T", "value!:tensor", "T=basic"},
    {11, "-> output:T", "sparse_value:sparse_tensor value:tensor", "T=basic"},
    {12, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic"},
    {13, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,bf16"},
    {19, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16"},
    {21, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4"},
    {23, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "-> output:T",
     "sparse_value:sparse_tensor value:tensor value_float:float value_floats:floats value_int:int "
     "value_ints:ints value_string:string value_strings:strings",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

/// The one attribute that the value comes from.
std::string_view value_attribute(const NodeView& node) {
  std::string_view found;
  for (const AttributeDef& attribute : node.schema().attributes) {
    if (!node.has_attribute(attribute.name)) continue;
    if (!found.empty()) fail(ErrorCode::invalid_model, "both '{}' and '{}' are given", found, attribute.name);
    found = attribute.name;
  }
  if (found.empty()) fail(ErrorCode::invalid_model, "none of the attributes that can hold the value is given");
  return found;
}

/// Where in the dense tensor element `i` of a sparse one goes.
int64_t dense_position(const SparseTensor& sparse, std::span<const int64_t> indices, int64_t i) {
  if (sparse.indices.rank() == 1) {
    return checked_index(indices[static_cast<size_t>(i)], element_count(sparse.shape), "index of a sparse tensor");
  }
  int64_t position = 0;
  for (size_t axis = 0; axis < sparse.shape.size(); ++axis) {
    const int64_t index = indices[static_cast<size_t>(i) * sparse.shape.size() + axis];
    position = position * sparse.shape[axis] + checked_index(index, sparse.shape[axis], "index of a sparse tensor");
  }
  return position;
}

Tensor dense(EvalContext& c, const SparseTensor& sparse) {
  const int64_t count = sparse.values.size();
  const auto rank = static_cast<int64_t>(sparse.shape.size());
  const Shape& found = sparse.indices.shape();
  if (sparse.values.rank() != 1 || (found != Shape{count} && found != Shape{count, rank})) {
    fail(ErrorCode::invalid_model, "a sparse tensor of rank {} has values of shape {} and indices of shape {}", rank,
         to_string(sparse.values.shape()), to_string(found));
  }
  Tensor result = c.host().allocate(sparse.values.dtype(), sparse.shape);
  if (result.dtype() != DType::string && result.bytes() > 0) std::memset(result.mutable_raw(), 0, result.bytes());
  const auto indices = sparse.indices.elements<int64_t>();
  dispatch_by_size(result.dtype(), [&]<class T> {
    const T* from = static_cast<const T*>(sparse.values.raw());
    T* to = static_cast<T*>(result.mutable_raw());
    for (int64_t i = 0; i < count; ++i) to[dense_position(sparse, indices, i)] = from[i];
  });
  return result;
}

template <class T>
Tensor list(std::span<const T> values) {
  return Tensor::from<T>({static_cast<int64_t>(values.size())}, values);
}

void eval_constant(EvalContext& c) {
  const std::string_view name = value_attribute(c);
  if (name == "value") {
    // Read in place from a file, it may stand at any address.
    const Tensor& value = c.attr_tensor(name);
    c.set_output(0, value.is_aligned() ? value : value.clone());
  } else if (name == "sparse_value") {
    c.set_output(0, dense(c, c.attr_sparse(name)));
  } else if (name == "value_float") {
    c.set_output(0, Tensor::scalar(c.attr_float(name)));
  } else if (name == "value_floats") {
    c.set_output(0, list(c.attr_floats(name)));
  } else if (name == "value_int") {
    c.set_output(0, Tensor::scalar(c.attr_int(name)));
  } else if (name == "value_ints") {
    c.set_output(0, list(c.attr_ints(name)));
  } else if (name == "value_string") {
    c.set_output(0, Tensor::scalar(c.attr_string(name)));
  } else {
    c.set_output(0, list(c.attr_strings(name)));
  }
}

void infer_constant(InferContext& c) {
  const std::string_view name = value_attribute(c);
  const auto length = [](auto values) { return SymShape{Dim(static_cast<int64_t>(values.size()))}; };
  if (name == "value") {
    const Tensor& value = c.attr_tensor(name);
    c.set_output(0, value.dtype(), to_sym(value.shape()));
  } else if (name == "sparse_value") {
    const SparseTensor& value = c.attr_sparse(name);
    c.set_output(0, value.values.dtype(), to_sym(value.shape));
  } else if (name == "value_float") {
    c.set_output(0, DType::f32, SymShape{});
  } else if (name == "value_floats") {
    c.set_output(0, DType::f32, length(c.attr_floats(name)));
  } else if (name == "value_int") {
    c.set_output(0, DType::i64, SymShape{});
  } else if (name == "value_ints") {
    c.set_output(0, DType::i64, length(c.attr_ints(name)));
  } else if (name == "value_string") {
    c.set_output(0, DType::string, SymShape{});
  } else {
    c.set_output(0, DType::string, length(c.attr_strings(name)));
  }
}

}  // namespace

extern const OpDef constant_op{"", "Constant", constant_versions, infer_constant, eval_constant};

}  // namespace kiln::ops
