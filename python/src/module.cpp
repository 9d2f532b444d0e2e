#include <nanobind/nanobind.h>

#include "bindings.hpp"

NB_MODULE(_kiln, module) {
  module.doc() = "The compiled part of Kiln; use the package `kiln`.";
  // Operators written in Python are kept for the life of the process, with all that they hold.
  nanobind::set_leak_warnings(false);
  kiln::python::bind_errors(module);
  kiln::python::bind_values(module);
  kiln::python::bind_session(module);
  kiln::python::bind_engine(module);
  kiln::python::bind_check(module);
  kiln::python::bind_dlpack(module);
  kiln::python::bind_custom_op(module);
  kiln::python::bind_graph_builder(module);
}
