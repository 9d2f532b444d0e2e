#include <nanobind/nanobind.h>

#include "bindings.hpp"

NB_MODULE(_kiln, module) {
  module.doc() = "The compiled part of Kiln; use the package `kiln`.";
  kiln::python::bind_errors(module);
  kiln::python::bind_values(module);
  kiln::python::bind_session(module);
  kiln::python::bind_engine(module);
  kiln::python::bind_check(module);
  kiln::python::bind_dlpack(module);
}
