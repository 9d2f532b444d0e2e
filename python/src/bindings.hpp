#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <vector>

#include "kiln/kiln.hpp"

namespace kiln::python {

namespace nb = nanobind;

/// kiln.Error, with its code as the attribute `code` ("invalid_argument", ...).
void bind_errors(nb::module_& module);
/// What arrays made of results lie in.
void bind_values(nb::module_& module);
/// kiln._kiln.Model and Session.
void bind_session(nb::module_& module);
/// kiln._kiln.Engine.
void bind_engine(nb::module_& module);
/// Arrays from and to DLPack.
void bind_dlpack(nb::module_& module);
/// Operators written in Python, and plugins.
void bind_custom_op(nb::module_& module);
/// kiln._kiln.GraphBuilder and Var.
void bind_graph_builder(nb::module_& module);
/// kiln.check and kiln.Finding.
void bind_check(nb::module_& module);

/// A path as Python has them, in the file system's own bytes.
std::string path_of(const nb::object& path);
/// From a path or bytes.
Model load_model(nb::object source, nb::object external_folder);

/// A value for a run from what Python gives: an array, a number, a list (a sequence, or nested lists for a tensor), a
/// dict (a map), None (an empty optional), a kiln.SparseTensor. Arrays are read in place, and kept alive, where their
/// layout allows. `type` is what the model expects, as ONNX writes it, or ""; it decides how lists, dicts and numbers
/// are understood, and never converts an array.
Value value_from_python(nb::handle object, std::string_view type);
/// The memory of what speaks DLPack, which is kept alive; a copy where it is not plain rows.
Tensor tensor_from_dlpack(nb::object given);
/// The memory of an array, to be written to: plain rows of a type that models have.
Tensor tensor_to_write(nb::handle array);
/// The reverse. Numeric tensors share their memory with the array, which may be written to: the value must be the only
/// owner of its elements, as Session::run gives it.
nb::object value_to_python(const Value& value);

/// An element type: one of numpy's or ml_dtypes' types, or a name ("float32", "bfloat16", "f32").
DType dtype_from_python(nb::object dtype);
/// What Python takes for an integer (operator.index).
int64_t integer_from_python(nb::handle value);
/// Numbers, symbols and None for dims.
std::vector<PortDim> dims_from_python(nb::handle shape);
/// (numpy's type, a tuple of dims), either None while it is not known.
nb::object type_to_python(const TensorType& type);

/// Makes what Python raised the cause of the kiln.Error with this text that it is about to become, in this thread.
void remember_cause(const std::string& text, const nb::object& raised);

}  // namespace kiln::python
