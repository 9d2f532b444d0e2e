#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <chrono>

#include "bindings.hpp"

namespace kiln::python {
namespace {

nb::object shape_of(const PortInfo& port) {
  if (!port.has_shape) return nb::none();
  nb::list dims;
  for (const PortDim& dim : port.shape) {
    if (dim.value >= 0) {
      dims.append(dim.value);
    } else if (!dim.symbol.empty()) {
      dims.append(dim.symbol);
    } else {
      dims.append(nb::none());
    }
  }
  return dims;
}

LoadOptions load_options(const nb::object& external_folder) {
  LoadOptions options;
  if (!external_folder.is_none()) options.external_folder = nb::cast<std::string>(nb::str(external_folder));
  return options;
}

}  // namespace

std::string path_of(const nb::object& path) {
  const auto encoded = nb::cast<nb::bytes>(nb::module_::import_("os").attr("fsencode")(path));
  return {encoded.c_str(), encoded.size()};
}

Model load_model(nb::object source, nb::object external_folder) {
  const LoadOptions options = load_options(external_folder);
  if (nb::isinstance<nb::bytes>(source)) {
    const auto bytes = nb::borrow<nb::bytes>(source);
    const std::span<const std::byte> content{static_cast<const std::byte*>(bytes.data()), bytes.size()};
    // The model borrows its weights from the bytes object, which therefore must live as long.
    std::shared_ptr<const void> keeper(bytes.ptr(), [](const void* object) {
      const nb::gil_scoped_acquire gil;
      Py_DECREF(static_cast<PyObject*>(const_cast<void*>(object)));
    });
    Py_INCREF(bytes.ptr());
    return Model::from_memory(content, std::move(keeper), options);
  }
  const std::string path = path_of(source);
  const nb::gil_scoped_release release;
  return Model::load(path, options);
}

namespace {

Session make_session(const nb::object& source, const nb::object& external_folder, uint64_t seed) {
  if (nb::isinstance<Engine>(source)) return Session(nb::cast<const Engine&>(source), {.seed = seed});
  if (nb::isinstance<nb::bytes>(source)) {
    Model model = load_model(source, external_folder);
    const nb::gil_scoped_release release;
    return Session(std::move(model), {.seed = seed});
  }
  const std::string path = path_of(source);
  const LoadOptions options = load_options(external_folder);
  const nb::gil_scoped_release release;
  return Session::load(path, {.seed = seed}, options);
}

/// Lets Python handle signals (Ctrl-C) a few times a second while a run goes on; true once a handler has raised.
class SignalPoll {
 public:
  bool operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + interval;
    const nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  }

 private:
  static constexpr auto interval = std::chrono::milliseconds(50);
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + interval;
};

std::string_view type_of(const Session& session, std::string_view input) {
  for (const PortInfo& port : session.inputs()) {
    if (port.name == input) return port.type;
  }
  return {};
}

nb::list run(Session& session, nb::dict feed, const std::vector<std::string>& outputs, nb::object cancel) {
  Session::Feeds feeds;
  for (const auto& [key, object] : feed) {
    auto name = nb::cast<std::string>(key);
    const std::string_view type = type_of(session, name);
    feeds.emplace_back(std::move(name), value_from_python(object, type));
  }
  RunOptions options;
  options.interrupted = SignalPoll();
  if (!cancel.is_none()) options.cancel = nb::cast<const std::atomic<bool>*>(cancel);
  std::vector<Value> results;
  try {
    const nb::gil_scoped_release release;
    results = session.run(feeds, outputs, options);
  } catch (const Error&) {
    if (PyErr_Occurred()) throw nb::python_error();  // a signal handler's, KeyboardInterrupt for one
    throw;
  }
  feeds.clear();
  nb::list list;
  for (const Value& result : results) list.append(value_to_python(result));
  return list;
}

}  // namespace

void bind_session(nb::module_& module) {
  module.attr("__version__") = nb::str(std::string(version()).c_str());
  module.def("set_threads", &set_threads, nb::arg("count"),
             "Threads of all sessions; 0 takes what the process may use.");
  module.def("threads", &threads);

  nb::class_<std::atomic<bool>>(module, "CancelFlag", "Stops the runs that were given it once it is set.")
      .def(nb::init<>())
      .def(
          "set", [](std::atomic<bool>& flag, bool value) { flag = value; }, nb::arg("value") = true)
      .def("__bool__", [](const std::atomic<bool>& flag) { return flag.load(); });

  nb::class_<PortInfo>(module, "Port", "An input or output of a model.")
      .def_ro("name", &PortInfo::name)
      .def_ro("type", &PortInfo::type, "As ONNX writes it: 'tensor(float)'.")
      .def_prop_ro("dtype", [](const PortInfo& port) { return std::string(dtype_onnx_name(port.dtype)); })
      .def_prop_ro("shape", &shape_of, "A list of numbers, symbols and None; None while the rank is unknown.")
      .def_ro("optional", &PortInfo::optional)
      .def("__repr__", [](const PortInfo& port) {
        return "<kiln.Port '" + port.name + "' " + port.type + " " + nb::cast<std::string>(nb::str(shape_of(port))) +
               ">";
      });

  nb::class_<ModelInfo>(module, "ModelInfo", "What a model says about itself.")
      .def_ro("ir_version", &ModelInfo::ir_version)
      .def_ro("opsets", &ModelInfo::opsets)
      .def_ro("producer_name", &ModelInfo::producer_name)
      .def_ro("producer_version", &ModelInfo::producer_version)
      .def_ro("domain", &ModelInfo::domain)
      .def_ro("model_version", &ModelInfo::model_version)
      .def_ro("description", &ModelInfo::description)
      .def_ro("graph_name", &ModelInfo::graph_name)
      .def_ro("graph_description", &ModelInfo::graph_description)
      .def_ro("metadata", &ModelInfo::metadata);

  nb::class_<Model>(module, "Model", "A network as read from a file or from bytes.")
      .def_static("load", &load_model, nb::arg("source"), nb::arg("external_folder") = nb::none())
      .def_prop_ro("info", &Model::info, nb::rv_policy::reference_internal)
      .def_prop_ro("inputs", &Model::inputs)
      .def_prop_ro("outputs", &Model::outputs)
      .def("to_onnx",
           [](const Model& model) {
             const std::string bytes = model.to_onnx();
             return nb::bytes(bytes.data(), bytes.size());
           })
      .def("save_onnx", &Model::save_onnx, nb::arg("path"));

  nb::class_<Session>(module, "Session", "A model that is ready to run.")
      .def(
          "__init__",
          [](Session* self, nb::object source, nb::object external_folder, uint64_t seed) {
            new (self) Session(make_session(source, external_folder, seed));
          },
          nb::arg("source"), nb::arg("external_folder") = nb::none(), nb::arg("seed") = 0)
      .def_prop_ro("info", &Session::info, nb::rv_policy::reference_internal)
      .def_prop_ro("inputs", &Session::inputs)
      .def_prop_ro("outputs", &Session::outputs)
      .def("run", &run, nb::arg("feed"), nb::arg("outputs") = std::vector<std::string>{},
           nb::arg("cancel") = nb::none())
      .def("trim", &Session::trim);
}

}  // namespace kiln::python
