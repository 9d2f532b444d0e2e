#include <nanobind/stl/string.h>

#include <string>

#include "bindings.hpp"

namespace kiln::python {

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
      PyErr_SetObject(error_type, instance.ptr());
    }
  });
}

}  // namespace kiln::python
