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

/// numpy's types, or one of their classes.
bool is_element_type(nb::handle value) {
  const nb::object dtype = nb::module_::import_("numpy").attr("dtype");
  return nb::isinstance(value, dtype) || (PyType_Check(value.ptr()) && nb::hasattr(value, "dtype"));
}

AttributeValue attribute_from_python(nb::handle value) {
  if (nb::isinstance<Subgraph>(value)) return nb::cast<Subgraph>(value);
  if (is_element_type(value)) return TensorType{.dtype = dtype_from_python(nb::borrow(value))};
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

Var optional_var(nb::handle given) { return given.is_none() ? Var() : nb::cast<Var>(given); }

/// What Python's body gives: (state, collected, whether to go on).
Turn turn_from_python(const nb::object& given) {
  return {.state = nb::cast<std::vector<Var>>(given[0]),
          .collected = nb::cast<std::vector<Var>>(given[1]),
          .go_on = optional_var(given[2])};
}

std::vector<Var> if_else(GraphBuilder& builder, const Var& condition, const nb::callable& then,
                         const nb::callable& otherwise) {
  return builder.if_else(
      condition, [&] { return nb::cast<std::vector<Var>>(then()); },
      [&] { return nb::cast<std::vector<Var>>(otherwise()); });
}

std::vector<Var> loop(GraphBuilder& builder, nb::handle turns, nb::handle condition, const std::vector<Var>& state,
                      const nb::callable& body) {
  return builder.loop(
      optional_var(turns), optional_var(condition), state,
      [&](const Var& number, const std::vector<Var>& values) { return turn_from_python(body(number, values)); });
}

std::vector<Var> scan(GraphBuilder& builder, const std::vector<Var>& state, const std::vector<Var>& sequences,
                      const nb::callable& body, const std::vector<int64_t>& axes, const std::vector<bool>& backwards,
                      const std::vector<int64_t>& collected_axes, const std::vector<bool>& collected_backwards) {
  return builder.scan(state, sequences,
                      [&](const std::vector<Var>& values, const std::vector<Var>& elements) {
                        return turn_from_python(body(values, elements));
                      },
                      {axes, backwards, collected_axes, collected_backwards});
}

Subgraph subgraph(GraphBuilder& builder, nb::handle inputs, const nb::callable& body, const std::string& name) {
  std::vector<TensorType> types;
  for (nb::handle input : inputs) {
    TensorType type{.dtype = dtype_from_python(input[0]), .has_shape = !input[1].is_none()};
    if (type.has_shape) type.shape = dims_from_python(input[1]);
    types.push_back(std::move(type));
  }
  return builder.subgraph(
      types, [&](const std::vector<Var>& values) { return nb::cast<std::vector<Var>>(body(values)); }, name);
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
  const nb::class_<Subgraph> no_members(module, "Subgraph",
                                        "The graph inside of a node: an attribute that GraphBuilder.subgraph makes.");
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
      .def("if_else", &if_else, nb::arg("condition"), nb::arg("then"), nb::arg("otherwise"))
      .def("loop", &loop, nb::arg("turns").none(), nb::arg("condition").none(), nb::arg("state"), nb::arg("body"))
      .def("scan", &scan, nb::arg("state"), nb::arg("sequences"), nb::arg("body"), nb::arg("axes"),
           nb::arg("backwards"), nb::arg("collected_axes"), nb::arg("collected_backwards"))
      .def("subgraph", &subgraph, nb::arg("inputs"), nb::arg("body"), nb::arg("name"))
      .def("model", &GraphBuilder::model);
}

}  // namespace kiln::python
