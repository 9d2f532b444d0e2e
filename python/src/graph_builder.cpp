#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bindings.hpp"
#include "numpy.hpp"

namespace kiln::python {
namespace {

/// Shares the memory of arrays that nobody may write to, such as those of a mapped file.
Tensor tensor_of(nb::handle given) {
  const nb::object array = Numpy::get().asarray(given);
  const Tensor tensor = value_from_python(array, "").tensor();
  return nb::cast<bool>(array.attr("flags").attr("writeable")) ? tensor.clone() : tensor;
}

AttributeValue list_from_python(nb::handle list) {
  bool is_ints = true, is_texts = true;
  for (nb::handle item : list) {
    is_ints = is_ints && PyIndex_Check(item.ptr());
    is_texts = is_texts && nb::isinstance<nb::str>(item);
  }
  if (is_ints) {
    std::vector<int64_t> numbers;
    for (nb::handle item : list) numbers.push_back(integer_from_python(item));
    return numbers;
  }
  if (is_texts) return nb::cast<std::vector<std::string>>(list);
  std::vector<float> numbers;
  for (nb::handle item : list) numbers.push_back(nb::cast<float>(nb::float_(item)));
  return numbers;
}

AttributeValue attribute_from_python(nb::handle value) {
  if (Numpy::get().is_array(value)) return tensor_of(value);
  if (nb::isinstance<nb::str>(value)) return nb::cast<std::string>(value);
  if (nb::isinstance<nb::bytes>(value)) {
    const auto bytes = nb::borrow<nb::bytes>(value);
    return std::string(bytes.c_str(), bytes.size());
  }
  if (nb::isinstance<nb::list>(value) || nb::isinstance<nb::tuple>(value)) return list_from_python(value);
  if (PyIndex_Check(value.ptr())) return integer_from_python(value);
  return nb::cast<float>(nb::float_(value));
}

Attributes attributes_from_python(const nb::dict& dict) {
  Attributes attributes;
  for (const auto& [key, value] : dict) {
    const auto name = nb::cast<std::string>(key);
    try {
      attributes.emplace(name, attribute_from_python(value));
    } catch (nb::python_error&) {
      throw Error(ErrorCode::invalid_argument,
                  "attribute '" + name + "' cannot be " + nb::cast<std::string>(nb::repr(value)));
    }
  }
  return attributes;
}

std::vector<Var> ops(GraphBuilder& builder, const std::string& type, const nb::list& given, const nb::dict& attributes,
                     size_t outputs, const std::string& domain, const std::string& name) {
  std::vector<Var> inputs;
  for (nb::handle input : given) inputs.push_back(input.is_none() ? Var() : nb::cast<Var>(input));
  return builder.ops(type, inputs, attributes_from_python(attributes), outputs, domain, name);
}

}  // namespace

void bind_graph_builder(nb::module_& module) {
  nb::class_<Var>(module, "Var", "A value of a network that is being built.")
      .def_prop_ro("name", [](const Var& var) { return var.name(); })
      .def_prop_ro(
          "dtype", [](const Var& var) -> nb::object { return type_to_python(var.type())[0]; },
          "numpy's type, or None while it is not known.")
      .def_prop_ro(
          "shape", [](const Var& var) -> nb::object { return type_to_python(var.type())[1]; },
          "A tuple of numbers, symbols and None; None while the rank is unknown.");
  nb::class_<GraphBuilder>(module, "GraphBuilder", "What kiln.GraphBuilder is made of.")
      .def(nb::init<std::string_view>(), nb::arg("name") = "graph")
      .def(
          "input",
          [](GraphBuilder& builder, const std::string& name, const nb::object& dtype, nb::handle shape) {
            const std::vector<PortDim> dims = dims_from_python(shape);
            return builder.input(name, dtype_from_python(dtype), {dims.begin(), dims.end()});
          },
          nb::arg("name"), nb::arg("dtype"), nb::arg("shape"))
      .def(
          "constant",
          [](GraphBuilder& builder, nb::handle array, const std::string& name) {
            return builder.constant(tensor_of(array), name);
          },
          nb::arg("array"), nb::arg("name") = "")
      .def("ops", &ops, nb::arg("type"), nb::arg("inputs"), nb::arg("attributes"), nb::arg("outputs"),
           nb::arg("domain"), nb::arg("name"))
      .def(
          "output",
          [](GraphBuilder& builder, const Var& value, const std::string& name) { builder.output(value, name); },
          nb::arg("value"), nb::arg("name") = "")
      .def("model", &GraphBuilder::model);
}

}  // namespace kiln::python
