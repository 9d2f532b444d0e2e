#include <cstring>

#include "bindings.hpp"

namespace kiln::python {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

nb::object numpy() { return nb::module_::import_("numpy"); }

/// numpy's type for one of ours. The small types are ml_dtypes', which is imported only when one is met.
nb::object numpy_dtype(DType dtype) {
  static const char* const narrow[kDTypeCount] = {
      nullptr,          nullptr,          nullptr,       nullptr,           nullptr, nullptr, nullptr,           nullptr,
      nullptr,          nullptr,          nullptr,       nullptr,           nullptr, nullptr, nullptr,           nullptr,
      "bfloat16",       "float8_e4m3fn",  "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "uint4", "int4",
      "float4_e2m1fn",  "float8_e8m0fnu", "uint2",       "int2",            "float6_e2m3fn", "float6_e3m2fn"};
  const auto index = static_cast<size_t>(dtype);
  if (narrow[index]) return numpy().attr("dtype")(nb::module_::import_("ml_dtypes").attr(narrow[index]));
  const char* name = dtype == DType::f32    ? "float32"
                     : dtype == DType::f64  ? "float64"
                     : dtype == DType::string ? "object"
                                            : nullptr;
  return numpy().attr("dtype")(name ? nb::str(name) : nb::str(std::string(dtype_onnx_name(dtype)).c_str()));
}

DType dtype_from_numpy(nb::handle dtype) {
  const std::string kind = nb::cast<std::string>(dtype.attr("kind"));
  if (kind == "O" || kind == "U" || kind == "S" || kind == "T") return DType::string;
  const std::string name = nb::cast<std::string>(nb::str(dtype.attr("name")));
  static const std::pair<const char*, DType> special[] = {
      {"float32", DType::f32},
      {"float64", DType::f64},
      {"float8_e4m3fn", DType::f8e4m3fn},
      {"float8_e4m3fnuz", DType::f8e4m3fnuz},
      {"float8_e5m2", DType::f8e5m2},
      {"float8_e5m2fnuz", DType::f8e5m2fnuz},
      {"float8_e8m0fnu", DType::f8e8m0},
      {"float4_e2m1fn", DType::f4e2m1},
      {"float6_e2m3fn", DType::f6e2m3},
      {"float6_e3m2fn", DType::f6e3m2},
  };
  for (const auto& [special_name, special_dtype] : special) {
    if (name == special_name) return special_dtype;
  }
  const DType known = dtype_from_name(name);
  if (known == DType::undefined) fail("arrays of type " + name + " cannot be given to a model");
  return known;
}

std::shared_ptr<const void> keep(nb::handle object) {
  Py_INCREF(object.ptr());
  return {object.ptr(), [](const void* pointer) {
            const nb::gil_scoped_acquire gil;
            Py_DECREF(static_cast<PyObject*>(const_cast<void*>(pointer)));
          }};
}

Shape shape_of(nb::handle array) {
  Shape shape;
  for (nb::handle dim : array.attr("shape")) shape.push_back(nb::cast<int64_t>(dim));
  return shape;
}

std::string string_of(nb::handle object) {
  if (nb::isinstance<nb::bytes>(object)) {
    const auto bytes = nb::borrow<nb::bytes>(object);
    return {bytes.c_str(), bytes.size()};
  }
  return nb::cast<std::string>(nb::str(object));
}

Tensor strings_from_array(nb::handle array) {
  Tensor tensor(DType::string, shape_of(array));
  std::string* to = tensor.mutable_data<std::string>();
  for (nb::handle element : array.attr("ravel")().attr("tolist")()) *to++ = string_of(element);
  return tensor;
}

Tensor tensor_from_array(nb::object array) {
  const DType dtype = dtype_from_numpy(array.attr("dtype"));
  if (dtype == DType::string) return strings_from_array(array);
  nb::object dense = numpy().attr("require")(array, nb::none(), "C");
  if (!nb::cast<bool>(dense.attr("dtype").attr("isnative"))) {
    dense = dense.attr("astype")(dense.attr("dtype").attr("newbyteorder")("="));
  }
  // require() makes 0-d arrays 1-d, so the shape is the original's.
  Shape shape = shape_of(array);
  const auto address = nb::cast<uintptr_t>(dense.attr("__array_interface__")["data"][nb::int_(0)]);
  const auto bytes = nb::cast<size_t>(dense.attr("nbytes"));
  return Tensor::borrow(dtype, std::move(shape), reinterpret_cast<const void*>(address), bytes, keep(dense));
}

Value sequence_from_list(nb::handle list) {
  Sequence sequence;
  for (nb::handle item : list) {
    sequence.items.push_back(value_from_python(item, nullptr));
    const Value& value = sequence.items.back();
    if (value.is_tensor()) sequence.dtype = value.tensor().dtype();
  }
  return sequence;
}

Value map_from_dict(nb::dict dict) {
  const nb::object array = numpy().attr("array");
  const nb::list keys(dict.attr("keys")()), values(dict.attr("values")());
  return Map{tensor_from_array(array(keys)), tensor_from_array(array(values))};
}

bool is_sequence_type(const PortInfo* port) {
  return port && (port->type.starts_with("seq(") || port->type.starts_with("optional(seq("));
}

DType element_of_sequence(const std::string& type) {
  const size_t begin = type.find("tensor(");
  if (begin == std::string::npos) return DType::undefined;
  return dtype_from_name(type.substr(begin + 7, type.find(')', begin) - begin - 7));
}

/// A nested list or a number for a tensor input takes the type that the model expects.
nb::object array_from_list(nb::handle object, const PortInfo* port) {
  if (!port || port->dtype == DType::undefined) return numpy().attr("asarray")(object);
  return numpy().attr("asarray")(object, numpy_dtype(port->dtype));
}

nb::tuple shape_tuple(const Shape& shape) {
  nb::list dims;
  for (int64_t dim : shape) dims.append(dim);
  return nb::tuple(dims);
}

nb::object strings_to_array(const Tensor& tensor) {
  nb::list list;
  for (const std::string& element : tensor.elements<std::string>()) {
    list.append(nb::steal(PyUnicode_DecodeUTF8(element.data(), static_cast<Py_ssize_t>(element.size()), "replace")));
  }
  nb::object array = numpy().attr("empty")(list.attr("__len__")(), numpy().attr("object_"));
  array[nb::slice(nb::none(), nb::none(), nb::none())] = list;
  return array.attr("reshape")(shape_tuple(tensor.shape()));
}

nb::object tensor_to_array(const Tensor& tensor) {
  if (tensor.dtype() == DType::string) return strings_to_array(tensor);
  // A bytearray-like view over the tensor's memory; the capsule keeps the tensor, and so the memory, alive.
  auto* kept = new Tensor(tensor);
  nb::capsule owner(kept, [](void* pointer) noexcept { delete static_cast<Tensor*>(pointer); });
  const nb::object buffer = nb::module_::import_("ctypes")
                                .attr("c_char")
                                .attr("__mul__")(static_cast<int64_t>(tensor.bytes()))
                                .attr("from_address")(reinterpret_cast<uintptr_t>(tensor.raw()));
  buffer.attr("_kiln_owner") = owner;
  const nb::object flat = numpy().attr("frombuffer")(buffer, nb::arg("dtype") = numpy_dtype(tensor.dtype()));
  return flat.attr("reshape")(shape_tuple(tensor.shape()));
}

}  // namespace

Value value_from_python(nb::handle object, const PortInfo* port) {
  if (object.is_none()) return {};
  if (nb::isinstance<nb::dict>(object)) return map_from_dict(nb::borrow<nb::dict>(object));
  const bool is_list = nb::isinstance<nb::list>(object) || nb::isinstance<nb::tuple>(object);
  if (is_list && (!port || is_sequence_type(port))) {
    Value value = sequence_from_list(object);
    if (!port || value.sequence().dtype != DType::undefined) return value;
    return Sequence{value.sequence().items, element_of_sequence(port->type)};
  }
  if (nb::isinstance(object, numpy().attr("ndarray"))) return tensor_from_array(nb::borrow(object));
  if (nb::isinstance(object, numpy().attr("generic"))) return tensor_from_array(numpy().attr("asarray")(object));
  if (is_list || nb::isinstance<nb::float_>(object) || nb::isinstance<nb::int_>(object) ||
      nb::isinstance<nb::str>(object) || nb::isinstance<nb::bytes>(object)) {
    return tensor_from_array(array_from_list(object, port));
  }
  if (nb::hasattr(object, "__array__")) return tensor_from_array(numpy().attr("asarray")(object));
  fail("cannot give an object of type " + nb::cast<std::string>(nb::str(object.type().attr("__name__"))) +
       " to a model: expected an array, a list, a dict or None");
}

nb::object value_to_python(const Value& value) {
  if (value.is_none()) return nb::none();
  if (value.is_tensor()) return tensor_to_array(value.tensor());
  if (value.is_sequence()) {
    nb::list list;
    for (const Value& item : value.sequence().items) list.append(value_to_python(item));
    return list;
  }
  if (value.is_map()) {
    const nb::object keys = tensor_to_array(value.map().keys).attr("tolist")();
    const nb::object values = tensor_to_array(value.map().values).attr("tolist")();
    nb::dict dict;
    for (size_t i = 0; i < nb::len(keys); ++i) dict[keys[nb::int_(i)]] = values[nb::int_(i)];
    return dict;
  }
  const SparseTensor& sparse = value.sparse();
  return nb::make_tuple(tensor_to_array(sparse.values), tensor_to_array(sparse.indices), shape_tuple(sparse.shape));
}

}  // namespace kiln::python
