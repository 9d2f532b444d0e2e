#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.hpp"
#include "kiln/check.hpp"

namespace kiln::python {
namespace {

std::vector<CheckFinding> check(nb::object source, nb::object external_folder) {
  const std::string folder = external_folder.is_none() ? "" : nb::cast<std::string>(nb::str(external_folder));
  if (nb::isinstance<nb::bytes>(source)) {
    const auto bytes = nb::cast<nb::bytes>(source);
    const std::span<const std::byte> content{static_cast<const std::byte*>(bytes.data()), bytes.size()};
    const nb::gil_scoped_release release;
    return check_memory(content, folder);
  }
  const std::string path = nb::cast<std::string>(nb::module_::import_("os").attr("fsdecode")(source));
  const nb::gil_scoped_release release;
  return check_file(path);
}

}  // namespace

void bind_check(nb::module_& module) {
  nb::class_<CheckFinding>(module, "Finding", "One thing that is wrong with a model, or worth knowing about it.")
      .def_ro("is_error", &CheckFinding::is_error)
      .def_ro("rule", &CheckFinding::rule, "Short and stable, for machines: 'unknown-operator'.")
      .def_ro("place", &CheckFinding::place)
      .def_ro("message", &CheckFinding::message)
      .def_ro("help", &CheckFinding::help)
      .def("__repr__", [](const CheckFinding& finding) {
        return "<kiln." + std::string(finding.is_error ? "error" : "warning") + " " + finding.rule + " at " +
               finding.place + ": " + finding.message + ">";
      });
  module.def("check", &check, nb::arg("source"), nb::arg("external_folder") = nb::none(),
             "Finds all that is wrong with a model (a path or bytes) at once, errors first.");
}

}  // namespace kiln::python
