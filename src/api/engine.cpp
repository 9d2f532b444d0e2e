#include <algorithm>
#include <array>
#include <set>

#include "api/engine_impl.hpp"
#include "api/model_impl.hpp"
#include "base/cpu.hpp"
#include "base/error.hpp"
#include "builder/build_engine.hpp"
#include "builder/engine_origin.hpp"
#include "builder/profiles.hpp"
#include "formats/onnx/writer.hpp"
#include "graph/copy_model.hpp"
#include "runtime/providers.hpp"

namespace kiln {
namespace {

EngineStep step_info(const Graph& graph, const MachineStep& step, const std::string& tactic) {
  EngineStep info;
  for (size_t index : step.group.nodes) info.nodes.push_back(graph.nodes[index].name);
  info.ops = ops_of(graph, step.group);
  info.tactic = step.group.is_sequel ? "sequel" : tactic;
  if (const Tactic* known = tactic.empty() ? nullptr : find_known_tactic(tactic); known && known->describe) {
    info.tuning = known->describe(step.tuning);
  }
  info.seconds = step.seconds;
  info.measured = step.measured;
  info.packed_bytes = static_cast<uint64_t>(step.packed_floats) * sizeof(float);
  return info;
}

/// Ways of a machine in memory or in a file.
struct WaysView {
  const std::vector<MachineStep>& steps;
  std::vector<std::string> tactics;
  std::vector<uint64_t> places;  ///< of packed weights

  explicit WaysView(const std::vector<MachineStep>& all) : steps(all) {
    for (const MachineStep& step : all) {
      tactics.emplace_back(step.tactic ? step.tactic->name : std::string_view());
      places.push_back(reinterpret_cast<uintptr_t>(step.packed));
    }
  }
  explicit WaysView(const StoredWays& ways) : steps(ways.steps), tactics(ways.tactics), places(ways.packed) {}
};

/// All ways of a Machine or a StoredMachine, in order.
template <class AnyMachine>
std::vector<WaysView> views_of(const AnyMachine& machine) {
  std::vector<WaysView> ways;
  for (size_t i = 0; i <= machine.others.size(); ++i) ways.emplace_back(machine.ways(i));
  return ways;
}

const Machine& machine_of(const Body& body) { return *body.engine->machine(); }
const StoredMachine& machine_of(const StoredMachine::StoredBody& body) { return body.machine; }

/// Of the weights of all ways and bodies, each once.
template <class AnyMachine>
uint64_t packed_bytes(const AnyMachine& machine) {
  uint64_t bytes = 0;
  std::set<uint64_t> packed;
  for (const WaysView& one : views_of(machine)) {
    for (size_t i = 0; i < one.steps.size(); ++i) {
      const auto floats = static_cast<uint64_t>(one.steps[i].packed_floats);
      if (floats > 0 && packed.insert(one.places[i]).second) bytes += floats * sizeof(float);
    }
  }
  for (const auto& body : machine.bodies) bytes += packed_bytes(machine_of(body));
  return bytes;
}

template <class AnyMachine>
EngineVariant variant_info(const EngineDef& engine, Isa isa, std::vector<std::string> features,
                           const AnyMachine& machine) {
  EngineVariant variant{
      .isa = std::string(isa_name(isa)), .cpu_features = std::move(features), .steps = {}, .sizes = {}};
  const Graph& graph = engine.model().graph;
  const std::vector<WaysView> ways = views_of(machine);
  const WaysView& first = ways.front();
  const auto info_of = [&](const WaysView& one, size_t i) { return step_info(graph, one.steps[i], one.tactics[i]); };
  for (size_t i = 0; i < first.steps.size(); ++i) variant.steps.push_back(info_of(first, i));
  for (const auto& body : machine.bodies) {
    if (body.which) continue;
    for (size_t i = 0; i < first.steps.size(); ++i) {
      const bool is_its = first.steps[i].group.nodes.front() == body.node;
      if (is_its) variant.steps[i].packed_bytes = packed_bytes(machine_of(body));
    }
  }
  variant.packed_bytes = packed_bytes(machine);
  for (const Bucket& bucket : machine.buckets) {
    EngineSize& size = variant.sizes.emplace_back();
    size.seconds = bucket.seconds;
    for (size_t i = 0; i < bucket.inputs.size(); ++i) {
      size.shapes.emplace_back(engine.inputs()[i].name, bucket.inputs[i]);
    }
    const WaysView& own = ways[bucket.ways];
    for (size_t i = 0; i < own.steps.size(); ++i) {
      const MachineStep &a = own.steps[i], &b = first.steps[i];
      const bool same = own.tactics[i] == first.tactics[i] && a.tuning == b.tuning && a.formats == b.formats;
      if (!same) size.changes.emplace_back(i, info_of(own, i));
    }
  }
  return variant;
}

EngineVariant variant_info(const EngineDef& engine, const Machine& machine) {
  return variant_info(engine, machine.isa, features_of(machine.isa), machine);
}

EngineVariant variant_info(const EngineDef& engine, const StoredMachine& machine) {
  return variant_info(engine, machine.needs.isa, machine.needs.features, machine);
}

EngineInfo record_info(const EngineRecord& record) {
  EngineInfo info;
  info.format_version = engine_format_version;
  info.kiln_version = record.kiln_version;
  info.cpu = record.cpu;
  info.threads = record.threads;
  info.options = record.options;
  for (const auto& [name, value] : record.options) {
    if (name == "profile") add_profiles(info.profiles, value);
  }
  for (const SourceFile& source : record.sources)
    info.sources.push_back({source.name, source.bytes, hex(source.sha256)});
  return info;
}

EngineInfo file_info(const EngineFile& file, const EngineDef& engine) {
  EngineInfo info = record_info(file.record());
  info.format_version = file.format_version();
  info.file_bytes = file.size();
  for (const EngineSection& s : file.sections()) info.sections.push_back({s.name(), s.offset, s.size, s.checksum});
  for (size_t i = 0; i < file.variants(); ++i) {
    info.variants.push_back(variant_info(engine, file.machine(i, engine.program())));
  }
  return info;
}

std::vector<PortInfo> ports_of(const std::vector<Port>& ports) {
  std::vector<PortInfo> infos;
  for (const Port& port : ports) {
    infos.push_back(port_info(port.name, port.type));
    infos.back().optional |= port.optional;
  }
  return infos;
}

/// The instruction sets to build for, the one to run with here last.
std::vector<Isa> wanted_isas(const std::vector<std::string>& names) {
  if (names.empty()) return {best_isa()};
  std::vector<Isa> isas;
  for (const std::string& name : names) {
    const std::array<std::pair<Isa, IsaChoice>, 3> known = {
        {{Isa::portable, IsaChoice::portable}, {Isa::avx2, IsaChoice::avx2}, {Isa::avx512, IsaChoice::avx512}}};
    const auto found = std::ranges::find_if(known, [&](const auto& each) { return isa_name(each.first) == name; });
    if (found == known.end()) {
      fail(ErrorCode::invalid_argument, "there is no instruction set '{}'; there are portable, avx2, avx512", name);
    }
    isas.push_back(choose_isa(found->second, cpu_features()));
  }
  std::ranges::sort(isas);
  isas.erase(std::unique(isas.begin(), isas.end()), isas.end());
  std::stable_partition(isas.begin(), isas.end(), [](Isa isa) { return isa > best_isa(); });
  return isas;
}

/// Puts what inference found of the outputs into the graph, so that loading need not find it again.
void state_output_types(ModelDef& model) {
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  const Facts facts = ShapeInference(model, diagnostics).run();
  for (ValueId id : model.graph.outputs) {
    if (id == no_value) continue;
    const auto index = static_cast<size_t>(id);
    if (facts[index].type.is_known()) model.graph.values[index].type = facts[index].type;
  }
}

/// Shapes to choose for must be shapes that the inputs can have.
void check_shapes(const std::map<std::string, Shape>& shapes, const std::vector<PortInfo>& inputs) {
  for (const auto& [name, shape] : shapes) {
    const auto port = std::ranges::find(inputs, name, &PortInfo::name);
    if (port == inputs.end()) fail(ErrorCode::invalid_argument, "a shape is given for '{}', which is no input", name);
    bool fits = !port->has_shape || port->shape.size() == shape.size();
    for (size_t i = 0; fits && port->has_shape && i < shape.size(); ++i) {
      fits = shape[i] >= 0 && (port->shape[i].value < 0 || port->shape[i].value == shape[i]);
    }
    if (!fits) fail(ErrorCode::invalid_argument, "input '{}' cannot have the shape {}", name, to_string(shape));
  }
}

}  // namespace

Engine::Engine(std::shared_ptr<const EngineImpl> impl) : impl_(std::move(impl)) {}

Engine Engine::build(Model model, const BuildOptions& options) {
  ModelImpl& source = *model.impl_;
  check_shapes(options.shapes, source.inputs);
  if (!source.path.empty()) {
    source.sources = source_files(source.path, source.definition, source.external_folder);
  } else if (!source.memory.empty()) {
    source.sources = {source_in_memory(source.memory)};
  }
  state_output_types(source.definition);
  std::string identity;
  for (const SourceFile& file : source.sources) identity += hex(file.sha256);
  auto impl = std::make_shared<EngineImpl>();
  impl->record = make_record(options, std::move(source.sources));
  std::vector<Isa> isas = wanted_isas(options.isas);
  const Isa own = isas.back();
  isas.pop_back();
  BuildOptions quiet = options;
  quiet.report = nullptr;
  for (Isa isa : isas) {
    impl->others.push_back(*build_engine(copy_model(source.definition), quiet, identity, isa)->machine());
  }
  impl->engine = build_engine(std::move(source.definition), options, identity, own);
  impl->info = std::move(source.info);
  impl->inputs = std::move(source.inputs);
  impl->outputs = std::move(source.outputs);
  return Engine(std::move(impl));
}

Engine Engine::load(const std::string& path, const EngineLoadOptions& options) {
  auto impl = std::make_shared<EngineImpl>();
  impl->file = EngineFile::open(path);
  if (options.verify_weights) impl->file->verify_weights();
  impl->record = impl->file->record();
  impl->engine = impl->file->engine();
  impl->info = kiln::model_info(impl->engine->model());
  impl->inputs = ports_of(impl->engine->inputs());
  impl->outputs = ports_of(impl->engine->outputs());
  return Engine(std::move(impl));
}

bool Engine::is_engine_file(const std::string& path) { return kiln::is_engine_file(path); }

EngineInfo Engine::read_info(const std::string& path) {
  const EngineFile file = EngineFile::open(path);
  return file_info(file, *EngineDef::create(file.model()));
}

void Engine::verify_file(const std::string& path) {
  const EngineFile file = EngineFile::open(path);
  file.verify_weights();
  const auto engine = EngineDef::create(file.model());
  for (size_t i = 0; i < file.variants(); ++i) file.machine(i, engine->program());
}

void Engine::save(const std::string& path, const EngineSaveOptions& options) const {
  std::vector<Machine> from_file;
  std::vector<const Machine*> machines;
  for (size_t i = 0; impl_->file && i < impl_->file->variants(); ++i) {
    from_file.push_back(impl_->file->bound_machine(i, impl_->engine->program()));
  }
  for (const Machine& machine : impl_->file ? from_file : impl_->others) machines.push_back(&machine);
  if (!impl_->file && impl_->engine->machine()) machines.push_back(impl_->engine->machine());
  std::ranges::sort(machines, {}, [](const Machine* machine) { return machine->isa; });
  write_engine_file(path, impl_->engine->model(), machines, impl_->record,
                    options.strip ? Names::stripped : Names::kept);
}

void Engine::save_onnx(const std::string& path) const { write_onnx_file(impl_->engine->model(), path); }

EngineInfo Engine::info() const {
  const EngineDef& engine = *impl_->engine;
  if (impl_->file) return file_info(*impl_->file, engine);
  EngineInfo info = record_info(impl_->record);
  for (const Machine& machine : impl_->others) info.variants.push_back(variant_info(engine, machine));
  if (const Machine* machine = engine.machine()) info.variants.push_back(variant_info(engine, *machine));
  return info;
}

const ModelInfo& Engine::model_info() const { return impl_->info; }
const std::vector<PortInfo>& Engine::inputs() const { return impl_->inputs; }
const std::vector<PortInfo>& Engine::outputs() const { return impl_->outputs; }

}  // namespace kiln
