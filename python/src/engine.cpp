#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>

#include "bindings.hpp"
#include "kiln/preprocessing.hpp"

namespace kiln::python {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

nb::dict step_dict(const EngineStep& step) {
  nb::dict dict;
  dict["nodes"] = nb::cast(step.nodes);
  dict["ops"] = nb::cast(step.ops);
  dict["tactic"] = nb::cast(step.tactic.empty() ? std::string("reference") : step.tactic);
  dict["tuning"] = nb::cast(step.tuning);
  dict["seconds"] = step.seconds;
  dict["measured"] = step.measured;
  dict["packed_bytes"] = step.packed_bytes;
  return dict;
}

nb::dict size_dict(const EngineSize& size) {
  nb::dict dict, shapes;
  nb::list changes;
  for (const auto& [name, shape] : size.shapes) shapes[name.c_str()] = nb::cast(shape);
  for (const auto& [number, step] : size.changes) {
    nb::dict change = step_dict(step);
    change["step"] = number;
    changes.append(change);
  }
  dict["shapes"] = shapes;
  dict["seconds"] = size.seconds;
  dict["changes"] = changes;
  return dict;
}

nb::dict profile_dict(const Profile& profile) {
  nb::dict dict;
  for (const auto& [name, range] : profile) {
    dict[name.c_str()] = nb::make_tuple(nb::cast(range.least), nb::cast(range.typical), nb::cast(range.largest));
  }
  return dict;
}

nb::dict info_dict(const EngineInfo& info) {
  nb::dict dict, options;
  nb::list sources, variants;
  for (const auto& [name, value] : info.options) options[name.c_str()] = nb::cast(value);
  for (const EngineSource& source : info.sources) {
    nb::dict entry;
    entry["name"] = nb::cast(source.name);
    entry["bytes"] = source.bytes;
    entry["sha256"] = nb::cast(source.sha256);
    sources.append(entry);
  }
  for (const EngineVariant& variant : info.variants) {
    nb::dict entry;
    nb::list steps;
    for (const EngineStep& step : variant.steps) steps.append(step_dict(step));
    entry["isa"] = nb::cast(variant.isa);
    entry["cpu_features"] = nb::cast(variant.cpu_features);
    entry["steps"] = steps;
    nb::list sizes;
    for (const EngineSize& size : variant.sizes) sizes.append(size_dict(size));
    entry["sizes"] = sizes;
    entry["packed_bytes"] = variant.packed_bytes;
    variants.append(entry);
  }
  dict["format_version"] = info.format_version;
  dict["kiln_version"] = nb::cast(info.kiln_version);
  dict["cpu"] = nb::cast(info.cpu);
  dict["threads"] = info.threads;
  dict["options"] = options;
  nb::list profiles;
  for (const Profile& profile : info.profiles) profiles.append(profile_dict(profile));
  dict["profiles"] = profiles;
  dict["sources"] = sources;
  dict["variants"] = variants;
  dict["file_bytes"] = info.file_bytes;
  return dict;
}

Engine build(nb::object source, nb::object external_folder, const Options& settings, nb::object progress,
             nb::object edit) {
  BuildOptions options;
  for (const auto& [name, value] : settings) set_build_option(options, name, value);
  std::atomic<bool> stop{false};
  bool raised = false;
  options.stop_tuning = &stop;
  // Also where nobody wants to know: Ctrl-C stops the timing, and then is raised.
  options.progress = [&](const BuildProgress& now) {
    const nb::gil_scoped_acquire gil;
    if (!raised && !progress.is_none()) {
      try {
        progress(now.what, now.done, now.total, now.seconds, now.seconds_left);
      } catch (nb::python_error& error) {
        error.restore();
        raised = true;
      }
    }
    raised = raised || PyErr_CheckSignals() != 0;
    if (raised) stop = true;
  };
  Model model = load_model(std::move(source), std::move(external_folder));
  if (!edit.is_none()) edit(nb::cast(&model, nb::rv_policy::reference));
  std::vector<Engine> built;
  {
    const nb::gil_scoped_release release;
    built.push_back(Engine::build(std::move(model), options));
  }
  if (raised) throw nb::python_error();
  return built.front();
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<Engine>(module, "Engine", "A model that was made ready for a machine.")
      .def_static(
          "load",
          [](nb::object source, bool verify_weights) {
            const std::string path = path_of(source);
            const nb::gil_scoped_release release;
            return Engine::load(path, {.verify_weights = verify_weights});
          },
          nb::arg("path"), nb::kw_only(), nb::arg("verify_weights") = false,
          "Maps an engine file. Its structure is verified always, its weights where asked for.")
      .def(
          "save",
          [](const Engine& engine, nb::object target, bool strip) {
            const std::string path = path_of(target);
            const nb::gil_scoped_release release;
            engine.save(path, {.strip = strip});
          },
          nb::arg("path"), nb::kw_only(), nb::arg("strip") = false,
          "Writes the engine to a file; without the names that only people read where `strip` asks for it.")
      .def(
          "save_onnx",
          [](const Engine& engine, nb::object target) {
            const std::string path = path_of(target);
            const nb::gil_scoped_release release;
            engine.save_onnx(path);
          },
          nb::arg("path"), "Writes the rewritten graph that the engine does, as ONNX.")
      .def_prop_ro("info", [](const Engine& engine) { return info_dict(engine.info()); })
      .def_prop_ro("model_info", &Engine::model_info, nb::rv_policy::reference_internal)
      .def("_repr_html_",
           [](const nb::object& self) {
             const nb::object table = nb::module_::import_("kiln.session").attr("ports_table");
             return table(self.attr("model_info").attr("graph_name"), self.attr("inputs"), self.attr("outputs"));
           })
      .def_prop_ro("inputs", &Engine::inputs)
      .def_prop_ro("outputs", &Engine::outputs);
  module.def("build_engine", &build, nb::arg("source"), nb::arg("external_folder").none(), nb::arg("options"),
             nb::arg("progress").none(), nb::arg("edit") = nb::none(),
             "`edit` is called with the model before it is built, and may change it.");
  module.def("with_preprocessing", &with_preprocessing, nb::arg("model"), nb::arg("how"),
             nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace kiln::python
