#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.hpp"
#include "numpy.hpp"

namespace kiln::python {
namespace {

/// A Python object for as long as the process: operators are never forgotten, and outlive the interpreter's last lines.
nb::handle kept(const nb::object& object) { return nb::object(object).release(); }

nb::object attribute_to_python(const AttributeValue& value) {
  return std::visit(
      [](const auto& data) -> nb::object {
        using T = std::decay_t<decltype(data)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          return value_to_python(data.clone());
        } else if constexpr (std::is_same_v<T, Subgraph> || std::is_same_v<T, TensorType>) {
          return nb::none();
        } else {
          return nb::cast(data);
        }
      },
      value);
}

nb::dict attributes_to_python(const Attributes& attributes) {
  nb::dict dict;
  for (const auto& [name, value] : attributes) dict[nb::cast(name)] = attribute_to_python(value);
  return dict;
}

nb::object own_copy(const Value& value) {
  return value_to_python(value.is_tensor() ? Value(value.tensor().clone()) : value);
}

/// What a function raises becomes the run's error, and its cause; what is no Exception (KeyboardInterrupt) goes on.
[[noreturn]] void rethrow(nb::python_error& error) {
  if (!error.matches(PyExc_Exception)) {
    error.restore();
    throw Error(ErrorCode::cancelled, "an operator written in Python was interrupted");
  }
  const nb::object raised = nb::borrow(error.value());
  const std::string text =
      nb::cast<std::string>(nb::str(error.type().attr("__name__"))) + ": " + nb::cast<std::string>(nb::str(raised));
  remember_cause(text, raised);
  throw Error(ErrorCode::invalid_data, text);
}

std::vector<Value> run(nb::handle function, const Attributes& attributes, std::span<const Value* const> inputs) {
  const nb::gil_scoped_acquire gil;
  try {
    nb::list given;
    // The inputs lie in memory that is used again: what the function keeps must be its own.
    for (const Value* input : inputs) given.append(input ? own_copy(*input) : nb::none());
    const nb::object results = function(attributes_to_python(attributes), given);
    std::vector<Value> values;
    for (nb::handle result : results) {
      values.push_back(value_from_python(result, ""));
      if (values.back().is_tensor()) values.back() = values.back().tensor().clone();
    }
    return values;
  } catch (nb::python_error& error) {
    rethrow(error);
  }
}

TensorType type_from_python(nb::handle pair) {
  TensorType type;
  if (!pair[0].is_none()) type.dtype = dtype_from_python(nb::object(pair[0]));
  const nb::object shape = pair[1];
  type.has_shape = !shape.is_none();
  if (type.has_shape) type.shape = dims_from_python(shape);
  return type;
}

std::vector<TensorType> infer(nb::handle function, const Attributes& attributes, std::span<const TensorType> inputs) {
  const nb::gil_scoped_acquire gil;
  try {
    nb::list given;
    for (const TensorType& input : inputs) given.append(type_to_python(input));
    std::vector<TensorType> types;
    for (nb::handle pair : nb::object(function(attributes_to_python(attributes), given))) {
      types.push_back(type_from_python(pair));
    }
    return types;
  } catch (nb::python_error& error) {
    rethrow(error);
  }
}

void register_python_op(const std::string& domain, const std::string& name, int version, const nb::object& function,
                        const nb::object& infer_function) {
  CustomOp op{.domain = domain, .name = name, .version = version};
  op.run = [function = kept(function)](const Attributes& attributes, std::span<const Value* const> inputs) {
    return run(function, attributes, inputs);
  };
  if (!infer_function.is_none()) {
    op.infer = [function = kept(infer_function)](const Attributes& attributes, std::span<const TensorType> inputs) {
      return infer(function, attributes, inputs);
    };
  }
  register_op(std::move(op));
}

}  // namespace

DType dtype_from_python(nb::object dtype) {
  if (nb::isinstance<nb::str>(dtype)) {
    const auto name = nb::cast<std::string>(dtype);
    if (const DType known = dtype_from_name(name); known != DType::undefined) return known;
    const nb::module_ numpy = nb::module_::import_("numpy");
    if (!nb::hasattr(numpy, name.c_str())) {
      const nb::module_ small = nb::module_::import_("ml_dtypes");
      if (nb::hasattr(small, name.c_str())) dtype = small.attr(name.c_str());
    }
  }
  return dtype_from_numpy(nb::module_::import_("numpy").attr("dtype")(dtype));
}

std::vector<PortDim> dims_from_python(nb::handle shape) {
  std::vector<PortDim> dims;
  for (nb::handle dim : shape) {
    PortDim& made = dims.emplace_back();
    if (nb::isinstance<nb::str>(dim)) {
      made.symbol = nb::cast<std::string>(dim);
    } else if (!dim.is_none()) {
      made.value = integer_from_python(dim);
    }
  }
  return dims;
}

nb::object type_to_python(const TensorType& type) {
  nb::object dtype = nb::none(), shape = nb::none();
  if (type.dtype != DType::undefined) dtype = nb::borrow(numpy_dtype(type.dtype));
  if (type.has_shape) {
    nb::list dims;
    for (const PortDim& dim : type.shape) {
      dims.append(dim.value >= 0 ? nb::object(nb::int_(dim.value))
                                 : (dim.symbol.empty() ? nb::object(nb::none()) : nb::cast(dim.symbol)));
    }
    shape = nb::tuple(dims);
  }
  return nb::make_tuple(dtype, shape);
}

void bind_custom_op(nb::module_& module) {
  module.def("register_op", &register_python_op, nb::arg("domain"), nb::arg("name"), nb::arg("version"), nb::arg("run"),
             nb::arg("infer").none(),
             "`run` gets a dict of attributes and a list of inputs, and gives a list of outputs; `infer` the same with "
             "(dtype, shape) for each.");
  module.def(
      "load_plugin", [](const nb::object& path) { load_plugin(path_of(path)); }, nb::arg("path"),
      "Loads a library of custom operators.");
}

}  // namespace kiln::python
