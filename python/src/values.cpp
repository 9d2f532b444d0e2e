#include <nanobind/stl/string.h>

#include <cstring>

#include "bindings.hpp"
#include "numpy.hpp"

namespace kiln::python {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

/// A tensor that numpy sees through the buffer protocol.
struct Memory {
  Tensor tensor;
};

int memory_get_buffer(PyObject* self, Py_buffer* view, int flags) {
  auto* memory = nb::inst_ptr<Memory>(self);
  return PyBuffer_FillInfo(view, self, memory->tensor.mutable_raw(), static_cast<Py_ssize_t>(memory->tensor.bytes()), 0,
                           flags);
}

PyType_Slot memory_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(memory_get_buffer)}, {0, nullptr}};

/// What keeps an array's memory where it is while a tensor reads it.
struct ArrayView {
  Py_buffer buffer{};

  ArrayView() = default;
  ArrayView(const ArrayView&) = delete;
  ArrayView& operator=(const ArrayView&) = delete;
  ~ArrayView() {
    if (!buffer.obj) return;
    const nb::gil_scoped_acquire gil;
    PyBuffer_Release(&buffer);
  }
};

Shape shape_of(nb::handle array) {
  Shape shape;
  for (nb::handle dim : array.attr("shape")) shape.push_back(nb::cast<int64_t>(dim));
  return shape;
}

std::string string_of(nb::handle object) {
  nb::object text = nb::borrow(object);
  if (!PyUnicode_Check(object.ptr()) && !nb::isinstance<nb::bytes>(object)) text = nb::str(object);
  // What is no UTF-8 in a model's strings is kept as Python keeps it in file names.
  if (PyUnicode_Check(text.ptr())) {
    text = nb::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogateescape"));
    if (!text.is_valid()) nb::raise_python_error();
  }
  const auto bytes = nb::borrow<nb::bytes>(text);
  return {bytes.c_str(), bytes.size()};
}

Tensor strings_from_array(nb::handle array) {
  Tensor tensor(DType::string, shape_of(array));
  std::string* to = tensor.mutable_data<std::string>();
  for (nb::handle element : array.attr("ravel")().attr("tolist")()) *to++ = string_of(element);
  return tensor;
}

/// The array's own memory, or an empty pointer where it is not plain rows of plain numbers.
std::shared_ptr<const ArrayView> view_of(nb::handle array) {
  auto view = std::make_shared<ArrayView>();
  if (PyObject_GetBuffer(array.ptr(), &view->buffer, PyBUF_C_CONTIGUOUS) == 0) return view;
  PyErr_Clear();
  view->buffer.obj = nullptr;
  return {};
}

Tensor tensor_from_array(nb::object array) {
  const nb::object given = array.attr("dtype");
  const DType dtype = dtype_from_numpy(given);
  if (dtype == DType::string) return strings_from_array(array);
  const nb::handle native = numpy_dtype(dtype);
  if (!given.is(native) && !nb::cast<bool>(given.attr("isnative"))) array = array.attr("astype")(native);
  auto view = view_of(array);
  Shape shape;
  if (view) {
    shape.assign(view->buffer.shape, view->buffer.shape + view->buffer.ndim);
  } else {
    // Other layouts are copied, and the types that the buffer protocol does not know are seen as bytes.
    shape = shape_of(array);
    const nb::object rows = Numpy::get().ascontiguousarray(array);
    view = view_of(rows.attr("reshape")(-1).attr("view")("uint8"));
    if (!view)
      fail("cannot read the memory of an array of type " + nb::cast<std::string>(nb::str(array.attr("dtype"))));
  }
  const void* data = view->buffer.buf;
  const auto bytes = static_cast<size_t>(view->buffer.len);
  return Tensor::borrow(dtype, std::move(shape), data, bytes, std::move(view));
}

/// The inside of "seq(...)" and the like; "" when `type` is something else.
std::string_view inside(std::string_view type, std::string_view kind) {
  if (type.size() <= kind.size() + 1 || !type.starts_with(kind) || type[kind.size()] != '(') return {};
  return type.substr(kind.size() + 1, type.size() - kind.size() - 2);
}

/// A nested list or a number takes the type that the model expects.
Tensor tensor_from_list(nb::handle object, DType dtype) {
  const Numpy& numpy = Numpy::get();
  return tensor_from_array(dtype == DType::undefined ? numpy.asarray(object)
                                                     : numpy.asarray(object, numpy_dtype(dtype)));
}

Sequence sequence_from_list(nb::handle list, std::string_view element_type) {
  Sequence sequence;
  sequence.dtype = dtype_from_name(inside(element_type, "tensor"));
  for (nb::handle item : list) {
    sequence.items.push_back(value_from_python(item, element_type));
    const Value& value = sequence.items.back();
    if (!value.is_tensor()) continue;
    if (sequence.dtype == DType::undefined) sequence.dtype = value.tensor().dtype();
    if (value.tensor().dtype() != sequence.dtype) {
      fail("a sequence of " + std::string(dtype_name(sequence.dtype)) + " cannot hold a tensor of " +
           std::string(dtype_name(value.tensor().dtype())));
    }
  }
  return sequence;
}

Map map_from_dict(nb::handle dict, std::string_view key_and_value) {
  const size_t comma = key_and_value.find(',');
  DType key = DType::undefined, value = DType::undefined;
  if (comma != std::string_view::npos) {
    key = dtype_from_name(key_and_value.substr(0, comma));
    value = dtype_from_name(inside(key_and_value.substr(comma + 1), "tensor"));
  }
  const nb::list keys(dict.attr("keys")()), values(dict.attr("values")());
  // Keys are not converted: numbers are no strings.
  Tensor given = tensor_from_list(keys, nb::len(keys) == 0 ? key : DType::undefined);
  if (key != DType::undefined && given.dtype() != key) {
    fail("a map with keys of " + std::string(dtype_name(given.dtype())) + " is given where keys of " +
         std::string(dtype_name(key)) + " are expected");
  }
  return {std::move(given), tensor_from_list(values, value)};
}

nb::object sparse_class() { return nb::module_::import_("kiln.sparse").attr("SparseTensor"); }

SparseTensor sparse_from_python(nb::handle object) {
  SparseTensor sparse;
  sparse.values = tensor_from_array(Numpy::get().asarray(object.attr("values")));
  sparse.indices = tensor_from_array(Numpy::get().asarray(object.attr("indices"), numpy_dtype(DType::i64)));
  sparse.shape = shape_of(object);
  return sparse;
}

nb::object shape_tuple(const Shape& shape) {
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(shape.size())));
  for (size_t i = 0; i < shape.size(); ++i) {
    PyTuple_SetItem(tuple.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromLongLong(shape[i]));
  }
  return tuple;
}

nb::object strings_to_array(const Tensor& tensor) {
  nb::list list;
  for (const std::string& element : tensor.elements<std::string>()) {
    list.append(
        nb::steal(PyUnicode_DecodeUTF8(element.data(), static_cast<Py_ssize_t>(element.size()), "surrogateescape")));
  }
  nb::object array = Numpy::get().empty(tensor.size(), Numpy::get().object_dtype);
  array[nb::slice(nb::none(), nb::none(), nb::none())] = list;
  return array.attr("reshape")(shape_tuple(tensor.shape()));
}

nb::object tensor_to_array(const Tensor& tensor) {
  if (tensor.dtype() == DType::string) return strings_to_array(tensor);
  const Numpy& numpy = Numpy::get();
  if (tensor.size() == 0) return numpy.empty(shape_tuple(tensor.shape()), numpy_dtype(tensor.dtype()));
  return numpy.ndarray(shape_tuple(tensor.shape()), numpy_dtype(tensor.dtype()), nb::cast(Memory{tensor}));
}

/// Makes dicts of maps, which often have the same keys.
class DictMaker {
 public:
  nb::object make(const Map& map) {
    if (!keys_.is_valid() || map.keys.raw() != keys_of_.raw() || map.keys.size() != keys_of_.size()) {
      keys_ = nb::list(tensor_to_array(map.keys).attr("tolist")());
      keys_of_ = map.keys;
    }
    nb::dict dict;
    if (map.values.dtype() == DType::f32 && map.values.size() == map.keys.size()) {
      const float* value = map.values.data<float>();
      for (nb::handle key : keys_) set(dict, key, nb::steal(PyFloat_FromDouble(*value++)));
    } else {
      const nb::list values(tensor_to_array(map.values).attr("tolist")());
      size_t i = 0;
      for (nb::handle key : keys_) set(dict, key, values[i++]);
    }
    return dict;
  }

 private:
  static void set(nb::dict& dict, nb::handle key, const nb::object& value) {
    if (PyDict_SetItem(dict.ptr(), key.ptr(), value.ptr()) != 0) throw nb::python_error();
  }

  Tensor keys_of_;
  nb::list keys_;
};

nb::object to_python(const Value& value, DictMaker& dicts) {
  if (value.is_tensor()) return tensor_to_array(value.tensor());
  if (value.is_none()) return nb::none();
  if (value.is_sequence()) {
    nb::list list;
    for (const Value& item : value.sequence().items) list.append(to_python(item, dicts));
    return list;
  }
  if (value.is_map()) return dicts.make(value.map());
  const SparseTensor& sparse = value.sparse();
  return sparse_class()(tensor_to_array(sparse.values), tensor_to_array(sparse.indices), shape_tuple(sparse.shape));
}

}  // namespace

void bind_values(nb::module_& module) {
  nb::class_<Memory>(
      module, "Memory", nb::type_slots(memory_slots),
      "What the arrays that a run gives lie in: it keeps their elements for as long as an array needs them.");
}

int64_t integer_from_python(nb::handle value) {
  const nb::object number = nb::steal(PyNumber_Index(value.ptr()));
  if (!number.is_valid()) nb::raise_python_error();
  return nb::cast<int64_t>(number);
}

Value value_from_python(nb::handle object, std::string_view type) {
  if (const std::string_view content = inside(type, "optional"); !content.empty()) type = content;
  if (Numpy::get().is_array(object)) return tensor_from_array(nb::borrow(object));
  if (object.is_none()) return {};
  const bool is_list = nb::isinstance<nb::list>(object) || nb::isinstance<nb::tuple>(object);
  if (nb::isinstance(object, sparse_class())) return sparse_from_python(object);
  if (nb::isinstance<nb::dict>(object)) return map_from_dict(object, inside(type, "map"));
  if (is_list && (type.empty() || type.starts_with("seq("))) return sequence_from_list(object, inside(type, "seq"));
  if (Numpy::get().is_scalar(object)) return tensor_from_array(Numpy::get().asarray(object));
  if (is_list || nb::isinstance<nb::float_>(object) || nb::isinstance<nb::int_>(object) ||
      nb::isinstance<nb::str>(object) || nb::isinstance<nb::bytes>(object)) {
    return tensor_from_list(object, dtype_from_name(inside(type, "tensor")));
  }
  if (nb::hasattr(object, "__dlpack__")) return tensor_from_dlpack(nb::borrow(object));
  if (nb::hasattr(object, "__array__")) return tensor_from_array(Numpy::get().asarray(object));
  fail("cannot give an object of type " + nb::cast<std::string>(nb::str(object.type().attr("__name__"))) +
       " to a model: expected an array, a list, a dict or None");
}

Tensor tensor_to_write(nb::handle array) {
  Py_buffer buffer;
  if (!Numpy::get().is_array(array) || PyObject_GetBuffer(array.ptr(), &buffer, PyBUF_ND | PyBUF_WRITABLE) != 0) {
    PyErr_Clear();
    fail("results can be written to arrays only, in rows and of plain numbers, that may be written to");
  }
  const DType dtype = dtype_from_numpy(array.attr("dtype"));
  if (dtype == DType::string) fail("strings cannot be written into an array");
  std::shared_ptr<ArrayView> view = std::make_shared<ArrayView>();
  view->buffer = buffer;
  Shape shape(buffer.shape, buffer.shape + buffer.ndim);
  return Tensor::borrow(dtype, std::move(shape), buffer.buf, static_cast<size_t>(buffer.len), std::move(view));
}

nb::object value_to_python(const Value& value) {
  DictMaker dicts;
  return to_python(value, dicts);
}

}  // namespace kiln::python
