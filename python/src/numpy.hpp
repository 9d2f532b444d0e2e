#pragma once

#include "bindings.hpp"

namespace kiln::python {

/// numpy's objects that conversions need at every call, looked up once and kept for the life of the process.
struct Numpy {
  nb::object ndarray, generic, asarray, ascontiguousarray, empty, object_dtype;

  static const Numpy& get();

  bool is_array(nb::handle object) const { return PyObject_TypeCheck(object.ptr(), type(ndarray)); }
  bool is_scalar(nb::handle object) const { return PyObject_TypeCheck(object.ptr(), type(generic)); }

 private:
  static PyTypeObject* type(const nb::object& object) { return reinterpret_cast<PyTypeObject*>(object.ptr()); }
};

/// numpy's type for one of ours. The small types are those of ml_dtypes, which is imported when one is met.
nb::handle numpy_dtype(DType dtype);
/// Throws Error(invalid_argument) for a type that no model knows, such as dates.
DType dtype_from_numpy(nb::handle dtype);

}  // namespace kiln::python
