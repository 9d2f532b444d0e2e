#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <chrono>
#include <map>
#include <span>

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

/// A bytes object as memory, which it keeps.
std::pair<std::span<const std::byte>, std::shared_ptr<const void>> memory_of(nb::bytes bytes) {
  const std::span<const std::byte> content{static_cast<const std::byte*>(bytes.data()), bytes.size()};
  std::shared_ptr<const void> keeper(bytes.ptr(), [](const void* object) {
    const nb::gil_scoped_acquire gil;
    Py_DECREF(static_cast<PyObject*>(const_cast<void*>(object)));
  });
  Py_INCREF(bytes.ptr());
  return {content, std::move(keeper)};
}

/// `external` is a folder, a dict of names of files and their bytes, or None.
LoadOptions load_options(const nb::object& external) {
  LoadOptions options;
  if (nb::isinstance<nb::dict>(external)) {
    std::map<std::string, std::pair<std::span<const std::byte>, std::shared_ptr<const void>>> files;
    for (const auto& [name, bytes] : nb::cast<nb::dict>(external)) {
      files.emplace(nb::cast<std::string>(name), memory_of(nb::cast<nb::bytes>(bytes)));
    }
    options.external_data = [files = std::move(files)](const std::string& name, uint64_t offset, uint64_t length) {
      const auto file = files.find(name);
      if (file == files.end()) throw Error(ErrorCode::not_found, "no bytes are given for the external file " + name);
      const auto& [bytes, keeper] = file->second;
      if (offset > bytes.size() || length > bytes.size() - offset) {
        throw Error(ErrorCode::invalid_model, "the bytes given for the external file " + name + " end too early");
      }
      return ExternalBytes{bytes.subspan(offset, length == 0 ? bytes.size() - offset : length), keeper};
    };
  } else if (!external.is_none()) {
    options.external_folder = nb::cast<std::string>(nb::str(external));
  }
  return options;
}

}  // namespace

std::string path_of(const nb::object& path) {
  const auto encoded = nb::cast<nb::bytes>(nb::module_::import_("os").attr("fsencode")(path));
  return {encoded.c_str(), encoded.size()};
}

Model load_model(nb::object source, nb::object external_folder) {
  const LoadOptions options = load_options(external_folder);
  if (nb::isinstance<Model>(source)) return nb::cast<const Model&>(source).copy();
  if (nb::isinstance<nb::bytes>(source)) {
    // The model borrows its weights from the bytes object, which therefore must live as long.
    auto [content, keeper] = memory_of(nb::borrow<nb::bytes>(source));
    return Model::from_memory(content, std::move(keeper), options);
  }
  const std::string path = path_of(source);
  const nb::gil_scoped_release release;
  return Model::load(path, options);
}

namespace {

/// What a session has to say goes to the logger of the package.
void log_note(const std::string& note) {
  const nb::gil_scoped_acquire gil;
  nb::module_::import_("logging").attr("getLogger")("kiln").attr("debug")("%s", note);
}

Session make_session(const nb::object& source, const nb::object& external_folder, uint64_t seed, int threads,
                     int64_t max_memory) {
  const SessionOptions session{.seed = seed, .threads = threads, .max_memory = max_memory, .on_note = log_note};
  if (nb::isinstance<Engine>(source)) return Session(nb::cast<const Engine&>(source), session);
  if (nb::isinstance<nb::bytes>(source) || nb::isinstance<Model>(source)) {
    Model model = load_model(source, external_folder);
    const nb::gil_scoped_release release;
    return Session(std::move(model), session);
  }
  const std::string path = path_of(source);
  const LoadOptions options = load_options(external_folder);
  const nb::gil_scoped_release release;
  return Session::load(path, session, options);
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

/// Appends what a step was and took to a list of (nodes, ops, kernel, threads, nanoseconds since `start`, seconds).
void note_step(nb::list& steps, const StepTime& step, std::chrono::steady_clock::time_point start) {
  const std::chrono::nanoseconds since = std::chrono::steady_clock::now() - start;
  const auto begin = since.count() - static_cast<int64_t>(step.seconds * 1e9);
  const nb::gil_scoped_acquire gil;
  steps.append(nb::make_tuple(step.nodes, step.ops, step.kernel, step.threads, begin, step.seconds));
}

nb::list run(Session& session, nb::dict feed, const std::vector<std::string>& outputs, nb::object cancel,
             nb::object into, nb::object steps) {
  Session::Feeds feeds;
  for (const auto& [key, object] : feed) {
    auto name = nb::cast<std::string>(key);
    const std::string_view type = type_of(session, name);
    feeds.emplace_back(std::move(name), value_from_python(object, type));
  }
  RunOptions options;
  options.interrupted = SignalPoll();
  if (!cancel.is_none()) options.cancel = nb::cast<const std::atomic<bool>*>(cancel);
  std::vector<Tensor> memory;
  if (!into.is_none()) {
    for (nb::handle array : into) memory.push_back(array.is_none() ? Tensor() : tensor_to_write(array));
    options.into = memory;
  }
  nb::list noted;
  if (!steps.is_none()) {
    noted = nb::cast<nb::list>(steps);
    options.on_step = [&noted, start = std::chrono::steady_clock::now()](const StepTime& step) {
      note_step(noted, step, start);
    };
  }
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
  for (size_t i = 0; i < results.size(); ++i) {
    const bool is_given = i < memory.size() && memory[i].defined();
    list.append(is_given ? nb::object(into[i]) : value_to_python(results[i]));
  }
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
      .def("set_dim", &Model::set_dim, nb::arg("symbol"), nb::arg("value"))
      .def("set_dims_denoted", &Model::set_dims_denoted, nb::arg("denotation"), nb::arg("value"))
      .def(
          "set_initializer",
          [](Model& model, const std::string& name, nb::object array) {
            model.set_initializer(name, value_from_python(array, "").tensor().clone());
          },
          nb::arg("name"), nb::arg("array"))
      .def("to_onnx",
           [](const Model& model) {
             const std::string bytes = model.to_onnx();
             return nb::bytes(bytes.data(), bytes.size());
           })
      .def("save_onnx", &Model::save_onnx, nb::arg("path"));

  nb::class_<SessionMemory>(module, "SessionMemory", "Bytes that a session holds while no run is under way.")
      .def_ro("weights", &SessionMemory::weight_bytes, "Constants as the model has them, mapped where it is a file.")
      .def_ro("packed", &SessionMemory::packed_bytes, "Weights laid out for kernels; mapped from an engine file.")
      .def_ro("arena", &SessionMemory::arena_bytes, "That runs have worked in.")
      .def_prop_ro(
          "scratch", [](const SessionMemory& memory) { return memory.latest.scratch_bytes; },
          "Of the arena, most that a step of the latest run took beside its inputs and outputs.")
      .def_ro("plans", &SessionMemory::plan_bytes, "Of plan_count plans, one for each shape of the inputs.")
      .def_ro("plan_count", &SessionMemory::plans)
      .def_ro("kept", &SessionMemory::kept_bytes, "Of values that were freed, for those of the next run.")
      .def("__repr__", [](const SessionMemory& memory) {
        return "<kiln.SessionMemory weights=" + std::to_string(memory.weight_bytes) +
               " packed=" + std::to_string(memory.packed_bytes) + " arena=" + std::to_string(memory.arena_bytes) +
               " plans=" + std::to_string(memory.plan_bytes) + " kept=" + std::to_string(memory.kept_bytes) + ">";
      });

  nb::class_<Session>(module, "Session", "A model that is ready to run.")
      .def(
          "__init__",
          [](Session* self, nb::object source, nb::object external_folder, uint64_t seed, int threads,
             int64_t max_memory) {
            new (self) Session(make_session(source, external_folder, seed, threads, max_memory));
          },
          nb::arg("source"), nb::arg("external_folder") = nb::none(), nb::arg("seed") = 0, nb::arg("threads") = 0,
          nb::arg("max_memory") = 0)
      .def_prop_ro("info", &Session::info, nb::rv_policy::reference_internal)
      .def_prop_ro("inputs", &Session::inputs)
      .def_prop_ro("outputs", &Session::outputs)
      .def("run", &run, nb::arg("feed"), nb::arg("outputs") = std::vector<std::string>{},
           nb::arg("cancel") = nb::none(), nb::arg("into") = nb::none(), nb::arg("steps") = nb::none(),
           "`into` has an array or None for each output wanted: results are written there. To the list `steps` is "
           "added what each step was and took.")
      .def("memory", &Session::memory)
      .def("set_max_memory", &Session::set_max_memory, nb::arg("bytes"))
      .def("trim", &Session::trim);
}

}  // namespace kiln::python
