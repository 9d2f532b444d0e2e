#pragma once

#include <nanobind/nanobind.h>

#include "kiln/kiln.hpp"

namespace kiln::python {

namespace nb = nanobind;

/// kiln.Error, with its code as the attribute `code` ("invalid_argument", …).
void bind_errors(nb::module_& module);
/// kiln._kiln.Model and Session.
void bind_session(nb::module_& module);
/// kiln.check and kiln.Finding.
void bind_check(nb::module_& module);

/// A value for a run from what Python gives: an array, a scalar, a list (a sequence), a dict (a map), None (an empty
/// optional) or a scipy-like sparse triple. Arrays are read in place, and kept alive, where their layout allows.
/// `port` says what the model expects; it decides how a list or a scalar is understood.
Value value_from_python(nb::handle object, const PortInfo* port);
/// The reverse; numeric tensors share their memory with the array.
nb::object value_to_python(const Value& value);

}  // namespace kiln::python
