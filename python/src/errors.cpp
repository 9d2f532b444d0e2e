#include <nanobind/stl/string.h>

#include <string>
#include <utility>

#include "bindings.hpp"

namespace kiln::python {
namespace {

/// Of this thread; the object is released when it is used, or when there is another.
struct Cause {
  std::string text;
  PyObject* raised = nullptr;
};
thread_local Cause latest_cause;

void put_cause(PyObject* instance, std::string_view text) {
  PyObject* const raised = std::exchange(latest_cause.raised, nullptr);
  if (!raised) return;
  if (text.ends_with(latest_cause.text)) {
    PyException_SetCause(instance, raised);
  } else {
    Py_DECREF(raised);
  }
}

}  // namespace

void remember_cause(const std::string& text, const nb::object& raised) {
  Py_XDECREF(std::exchange(latest_cause.raised, nb::object(raised).release().ptr()));
  latest_cause.text = text;
}

void bind_errors(nb::module_& module) {
  static PyObject* error_type = nullptr;
  error_type = PyErr_NewExceptionWithDoc(
      "kiln.Error",
      "What Kiln raises. `code` says what kind of thing went wrong: 'invalid_argument', 'invalid_model', ...",
      PyExc_RuntimeError, nullptr);
  module.attr("Error") = nb::borrow(error_type);
  nb::register_exception_translator([](const std::exception_ptr& pointer, void*) {
    try {
      std::rethrow_exception(pointer);
    } catch (const Error& error) {
      std::string code(error_code_name(error.code()));
      for (char& letter : code) {
        if (letter == ' ' || letter == '/') letter = '_';
      }
      nb::object instance = nb::borrow(error_type)(error.what());
      instance.attr("code") = code;
      put_cause(instance.ptr(), error.what());
      PyErr_SetObject(error_type, instance.ptr());
    }
  });
}

}  // namespace kiln::python
