#include "runtime/machine_codec.hpp"

#include <algorithm>

#include "base/cpu.hpp"
#include "graph/captures.hpp"
#include "runtime/bodies.hpp"
#include "runtime/engine.hpp"
#include "runtime/providers.hpp"

namespace kiln {
namespace {

struct Feature {
  const char* name;
  bool CpuFeatures::*has;
  Isa isa;  ///< the first instruction set whose kernels use it
};
constexpr Feature known_features[] = {
    {"avx2", &CpuFeatures::avx2, Isa::avx2},           {"fma", &CpuFeatures::fma, Isa::avx2},
    {"f16c", &CpuFeatures::f16c, Isa::avx2},           {"avx512f", &CpuFeatures::avx512f, Isa::avx512},
    {"avx512bw", &CpuFeatures::avx512bw, Isa::avx512}, {"avx512dq", &CpuFeatures::avx512dq, Isa::avx512},
    {"avx512vl", &CpuFeatures::avx512vl, Isa::avx512},
};

void write_ids(ByteWriter& writer, const std::vector<ValueId>& ids) {
  writer.number(ids.size());
  for (ValueId id : ids) writer.number(static_cast<uint64_t>(static_cast<int64_t>(id) + 1));
}

void write_formats(ByteWriter& writer, const std::vector<Format>& formats) {
  writer.number(formats.size());
  for (Format format : formats) writer.byte(static_cast<uint8_t>(format));
}

void write_group(ByteWriter& writer, const Group& group) {
  writer.number(group.nodes.size());
  for (size_t node : group.nodes) writer.number(node);
  write_ids(writer, group.inputs);
  write_ids(writer, group.outputs);
  writer.byte(static_cast<uint8_t>(group.epilogue.activation));
  writer.raw(group.epilogue.alpha);
  writer.raw(group.epilogue.beta);
  writer.byte(static_cast<uint8_t>(group.epilogue.residual));
  writer.number(static_cast<uint64_t>(group.residual + 1));
  writer.boolean(group.turned);
}

std::vector<ValueId> read_ids(ByteReader& reader, const Graph& graph) {
  std::vector<ValueId> ids(reader.count("values"));
  for (ValueId& id : ids) {
    id = static_cast<ValueId>(static_cast<int64_t>(reader.number_up_to(graph.values.size(), "a value's number")) - 1);
  }
  return ids;
}

std::vector<Format> read_formats(ByteReader& reader, size_t expected) {
  const size_t found = reader.count("formats");
  if (found != expected) reader.wrong("found {} formats for {} inputs or outputs", found, expected);
  std::vector<Format> formats(found);
  for (Format& format : formats) format = reader.choice(Format::blocked, "a format");
  return formats;
}

Group read_group(ByteReader& reader, const Graph& graph) {
  Group group;
  group.nodes.resize(reader.count("nodes"));
  if (group.nodes.empty()) reader.wrong("found a step without nodes");
  for (size_t& node : group.nodes) {
    if (graph.nodes.empty()) reader.wrong("found a node's number, but the graph has no nodes");
    node = static_cast<size_t>(reader.number_up_to(graph.nodes.size() - 1, "a node's number"));
  }
  group.inputs = read_ids(reader, graph);
  group.outputs = read_ids(reader, graph);
  group.epilogue.activation = reader.choice(Activation::scaled_hard_swish, "an activation");
  group.epilogue.alpha = reader.raw<float>();
  group.epilogue.beta = reader.raw<float>();
  group.epilogue.residual = reader.choice(Residual::after_activation, "a kind of residual");
  group.residual = static_cast<int>(reader.number_up_to(group.inputs.size(), "the residual's number")) - 1;
  group.turned = reader.boolean();
  return group;
}

/// Follows the steps of a machine through the graph.
class OrderCheck {
 public:
  OrderCheck(const ByteReader& reader, const Program& program)
      : reader_(reader), program_(program), graph_(*program.graph), made_(graph_.values.size(), false) {
    for (size_t i = 0; i < made_.size(); ++i) made_[i] = program.sources[i].kind != ValueSource::Kind::frame;
    for (ValueId id : graph_.inputs) mark(id);
    waits_.resize(graph_.nodes.size(), false);
    for (const Step& step : program.steps) waits_[step.node_index] = true;
  }

  void follow(const Group& group, size_t number) {
    std::vector<bool> inside(graph_.values.size(), false);
    for (size_t node : group.nodes) {
      if (!waits_[node]) reader_.wrong("step {} does {} again", number, graph_.nodes[node].describe(node));
      waits_[node] = false;
      for (ValueId id : graph_.nodes[node].outputs) {
        if (id != no_value) inside[slot(id)] = true;
      }
    }
    for (size_t node : group.nodes) {
      for (ValueId id : values_read(graph_, graph_.nodes[node])) {
        if (made_[slot(id)] || inside[slot(id)]) continue;
        reader_.wrong("step {} reads '{}' before it is made", number, graph_.name_of(id));
      }
    }
    for (ValueId id : group.inputs) {
      if (id != no_value && !made_[slot(id)]) {
        reader_.wrong("step {} has the input '{}', which is not made yet", number, graph_.name_of(id));
      }
    }
    for (ValueId id : group.outputs) {
      if (id != no_value && !inside[slot(id)]) {
        reader_.wrong("step {} has the output '{}', which none of its nodes makes", number, graph_.name_of(id));
      }
      mark(id);
    }
  }

  void finish() const {
    for (size_t i = 0; i < waits_.size(); ++i) {
      if (waits_[i]) reader_.wrong("no step does {}", graph_.nodes[i].describe(i));
    }
    for (const ValueSource& source : program_.outputs) {
      if (source.id != no_value && source.kind == ValueSource::Kind::frame && !made_[slot(source.id)]) {
        reader_.wrong("no step makes the output '{}'", graph_.name_of(source.id));
      }
    }
  }

 private:
  static size_t slot(ValueId id) { return static_cast<size_t>(id); }
  void mark(ValueId id) {
    if (id != no_value) made_[slot(id)] = true;
  }

  const ByteReader& reader_;
  const Program& program_;
  const Graph& graph_;
  std::vector<bool> made_, waits_;  ///< values that are there; nodes that are still to be done
};

}  // namespace

std::vector<std::string> features_of(Isa isa) {
  std::vector<std::string> names;
  for (const Feature& feature : known_features) {
    if (feature.isa <= isa) names.emplace_back(feature.name);
  }
  return names;
}

std::vector<std::string> missing_features(const std::vector<std::string>& features) {
  const Isa allowed = best_isa();
  std::vector<std::string> missing;
  for (const std::string& name : features) {
    bool here = false;
    for (const Feature& feature : known_features) {
      here |= name == feature.name && cpu_features().*feature.has && feature.isa <= allowed;
    }
    if (!here) missing.push_back(name);
  }
  return missing;
}

namespace {

void write_way(ByteWriter& writer, const MachineStep& step, PlaceWeights place) {
  writer.text(step.tactic == nullptr ? std::string_view() : step.tactic->name);
  for (int32_t number : step.tuning.numbers) writer.signed_number(number);
  write_formats(writer, step.formats.inputs);
  write_formats(writer, step.formats.outputs);
  writer.raw(step.seconds);
  writer.boolean(step.measured);
  const auto floats = static_cast<size_t>(step.packed == nullptr ? 0 : step.packed_floats);
  writer.number(floats);
  if (floats > 0) writer.number(place(std::as_bytes(std::span(step.packed, floats))) / weight_alignment);
}

void write_steps(ByteWriter& writer, const Machine& machine, PlaceWeights place) {
  writer.number(machine.steps.size());
  for (const MachineStep& step : machine.steps) {
    write_group(writer, step.group);
    write_way(writer, step, place);
  }
  writer.number(machine.bodies.size());
  for (const Body& body : machine.bodies) {
    writer.number(body.node);
    writer.number(body.which ? *body.which + 1 : 0);
    for (const bool follows : body.follows_shapes) writer.boolean(follows);
    write_steps(writer, *body.engine->machine(), place);
  }
}

void write_shapes(ByteWriter& writer, const std::vector<Shape>& shapes) {
  writer.number(shapes.size());
  for (const Shape& shape : shapes) {
    writer.number(shape.size());
    for (int64_t dim : shape) writer.number(static_cast<uint64_t>(dim + 1));
  }
}

void write_sizes(ByteWriter& writer, const Machine& machine, PlaceWeights place) {
  writer.number(machine.others.size());
  for (const std::vector<MachineStep>& steps : machine.others) {
    for (const MachineStep& step : steps) write_way(writer, step, place);
  }
  writer.number(machine.buckets.size());
  for (const Bucket& bucket : machine.buckets) {
    write_shapes(writer, bucket.inputs);
    writer.number(bucket.ways);
    writer.raw(bucket.seconds);
  }
  writer.number(machine.profiles.size());
  for (const ShapeLimits& profile : machine.profiles) {
    write_shapes(writer, profile.least);
    write_shapes(writer, profile.largest);
  }
}

}  // namespace

void write_machine(ByteWriter& writer, const Machine& machine, PlaceWeights place) {
  writer.byte(static_cast<uint8_t>(machine.isa));
  const std::vector<std::string> features = features_of(machine.isa);
  writer.number(features.size());
  for (const std::string& feature : features) writer.text(feature);
  write_steps(writer, machine, place);
  write_sizes(writer, machine, place);
}

MachineNeeds read_machine_needs(ByteReader& reader) {
  MachineNeeds needs;
  needs.isa = reader.choice(Isa::avx512, "an instruction set");
  needs.features.resize(reader.count("CPU features"));
  for (std::string& feature : needs.features) feature = reader.text();
  return needs;
}

namespace {

/// What must be known to read a machine, beside its program.
struct Reading {
  uint32_t format;
  bool in_sequel = false;  ///< which has no sequels itself
};

void read_steps(ByteReader& reader, const Program& program, Reading how, StoredMachine& machine);

/// The step whose nodes begin with this one; null if there is none.
MachineStep* step_from(std::vector<MachineStep>& steps, size_t node) {
  const auto begins = [&](const MachineStep& step) { return step.group.nodes.front() == node; };
  const auto found = std::ranges::find_if(steps, begins);
  return found == steps.end() ? nullptr : &*found;
}

/// Makes the step a sequel whose nodes begin with `node`, and closes it.
std::optional<ClosedBody> read_sequel(ByteReader& reader, const Program& program, const GroupEdges& edges, size_t node,
                                      StoredMachine& machine) {
  const std::string place = program.graph->nodes[node].describe(node);
  MachineStep* const step = step_from(machine.steps, node);
  if (step == nullptr) reader.wrong("no step is a sequel from {} on", place);
  if (!machine.tactics[static_cast<size_t>(step - machine.steps.data())].empty()) {
    reader.wrong("the sequel from {} on has a tactic", place);
  }
  Group& group = step->group;
  const Group expected = edges.group_of(group.nodes);
  if (group.inputs != expected.inputs || group.outputs != expected.outputs) {
    reader.wrong("the sequel from {} on has other inputs or outputs than its nodes", place);
  }
  group.is_sequel = true;
  return close_group(program, group);
}

/// The bodies of a machine: subgraphs of the program's nodes and sequels, each once, in order.
void read_bodies(ByteReader& reader, const Program& program, Reading how, StoredMachine& machine) {
  const size_t count = reader.count("bodies", 4);
  std::optional<GroupEdges> edges;
  for (size_t i = 0; i < count; ++i) {
    StoredMachine::StoredBody& body = machine.bodies.emplace_back();
    if (program.graph->nodes.empty()) reader.wrong("found a body, but the graph has no nodes");
    body.node = static_cast<size_t>(reader.number_up_to(program.graph->nodes.size() - 1, "a node's number"));
    const auto which = static_cast<size_t>(reader.number_up_to(1 << 20, "a subgraph's number"));
    // The first formats had no sequels.
    const bool is_sequel = how.format >= 3 && which == 0;
    if (!is_sequel) body.which = how.format >= 3 ? which - 1 : which;
    if (i > 0) {
      const StoredMachine::StoredBody& before = machine.bodies[i - 1];
      if (std::pair(before.node, before.which) >= std::pair(body.node, body.which)) {
        reader.wrong("found bodies out of order");
      }
    }
    if (is_sequel && how.in_sequel) reader.wrong("found a sequel in a sequel");
    if (is_sequel && !edges) edges.emplace(program);
    std::optional<ClosedBody> closed = is_sequel ? read_sequel(reader, program, *edges, body.node, machine)
                                                 : close_body(program, body.node, *body.which);
    if (!closed) {
      reader.wrong("{} has no {} that is done by itself", program.graph->nodes[body.node].describe(body.node),
                   is_sequel ? "sequel" : fmt::format("subgraph {}", *body.which));
    }
    for (size_t input = 0; is_sequel && input < closed->captured.size(); ++input) {
      body.follows_shapes.push_back(reader.boolean());
    }
    body.machine.needs.isa = machine.needs.isa;
    const auto engine = EngineDef::create(std::move(closed->model));
    read_steps(reader, engine->program(), {how.format, is_sequel}, body.machine);
  }
}

/// How a group is done; `step` has the group already.
void read_way(ByteReader& reader, MachineStep step, StoredWays& ways) {
  ways.tactics.push_back(reader.text());
  for (int32_t& number : step.tuning.numbers) number = static_cast<int32_t>(reader.signed_number());
  // Reference code has no formats; what a tactic has is one for each.
  const bool is_plain = ways.tactics.back().empty();
  step.formats.inputs = read_formats(reader, step.group.inputs.size());
  step.formats.outputs = read_formats(reader, step.group.outputs.size());
  step.seconds = reader.raw<double>();
  step.measured = reader.boolean();
  step.packed_floats =
      static_cast<int64_t>(reader.number_up_to(uint64_t{1} << 60, "the number of floats that are packed"));
  if (is_plain && step.packed_floats > 0) reader.wrong("found packed weights for reference code");
  ways.packed.push_back(step.packed_floats > 0 ? reader.number_up_to(uint64_t{1} << 57, "a place") * weight_alignment
                                               : 0);
  ways.steps.push_back(std::move(step));
}

void read_steps(ByteReader& reader, const Program& program, Reading how, StoredMachine& machine) {
  OrderCheck order(reader, program);
  const size_t count = reader.count("steps", 30);
  for (size_t i = 0; i < count; ++i) {
    MachineStep step;
    step.group = read_group(reader, *program.graph);
    order.follow(step.group, i);
    read_way(reader, std::move(step), machine);
  }
  order.finish();
  read_bodies(reader, program, how, machine);
}

/// Of all inputs of the model; -1 may stand for a dim where anything may.
std::vector<Shape> read_shapes(ByteReader& reader, const Graph& graph, int64_t least) {
  const size_t found = reader.count("shapes");
  if (found != graph.inputs.size()) reader.wrong("found shapes for {} of {} inputs", found, graph.inputs.size());
  std::vector<Shape> shapes(found);
  for (Shape& shape : shapes) {
    shape.resize(reader.count("dims"));
    for (int64_t& dim : shape) {
      dim = static_cast<int64_t>(reader.number_up_to(uint64_t{1} << 62, "a dim")) - 1;
      if (dim < least) reader.wrong("found the dim {}, expected {} or more", dim, least);
    }
  }
  return shapes;
}

void read_sizes(ByteReader& reader, const Graph& graph, StoredMachine& machine) {
  machine.others.resize(reader.count("other ways", std::max<size_t>(1, 12 * machine.steps.size())));
  for (StoredWays& ways : machine.others) {
    for (const MachineStep& first : machine.steps) {
      MachineStep step;
      step.group = first.group;
      read_way(reader, std::move(step), ways);
    }
  }
  machine.buckets.resize(reader.count("sizes", 10));
  for (Bucket& bucket : machine.buckets) {
    bucket.inputs = read_shapes(reader, graph, 0);
    bucket.ways = static_cast<size_t>(reader.number_up_to(machine.others.size(), "the ways of a size"));
    bucket.seconds = reader.raw<double>();
  }
  machine.profiles.resize(reader.count("profiles", 2));
  for (ShapeLimits& profile : machine.profiles) {
    profile.least = read_shapes(reader, graph, -1);
    profile.largest = read_shapes(reader, graph, -1);
  }
}

}  // namespace

StoredMachine read_machine(ByteReader& reader, const Program& program, uint32_t format) {
  StoredMachine machine;
  machine.needs = read_machine_needs(reader);
  read_steps(reader, program, {format}, machine);
  if (format >= 2) read_sizes(reader, *program.graph, machine);
  reader.expect_end();
  return machine;
}

namespace {

/// Finds the tactics and the packed weights of ways.
std::vector<MachineStep> bind_ways(StoredWays&& ways, const WeightSource& packed) {
  for (size_t i = 0; i < ways.steps.size(); ++i) {
    MachineStep& step = ways.steps[i];
    if (ways.tactics[i].empty()) continue;
    step.tactic = with_place([&] { return find_usable_tactic(ways.tactics[i], step.tuning); },
                             [&] { return fmt::format("step {}; `kiln rebuild` makes the engine anew", i); });
    if (step.tactic == nullptr) {
      fail(ErrorCode::unsupported,
           "step {} is done by '{}', which this Kiln does not have; `kiln rebuild` makes the engine anew", i,
           ways.tactics[i]);
    }
    const uint64_t offset = ways.packed[i], bytes = static_cast<uint64_t>(step.packed_floats) * sizeof(float);
    if (bytes == 0) continue;
    if (offset > packed.weights.size() || bytes > packed.weights.size() - offset) {
      fail(ErrorCode::invalid_model, "step {} has {} bytes at {} of section 'packed', which has {}", i, bytes, offset,
           packed.weights.size());
    }
    step.packed = reinterpret_cast<const float*>(packed.weights.data() + offset);
  }
  return std::move(ways.steps);
}

}  // namespace

Machine bind_machine(StoredMachine stored, const Program& program, const WeightSource& packed) {
  Machine machine;
  machine.isa = stored.needs.isa;
  machine.keepers.push_back(packed.keeper);
  for (StoredWays& ways : stored.others) machine.others.push_back(bind_ways(std::move(ways), packed));
  machine.buckets = std::move(stored.buckets);
  machine.profiles = std::move(stored.profiles);
  machine.steps = bind_ways(std::move(static_cast<StoredWays&>(stored)), packed);
  for (StoredMachine::StoredBody& body : stored.bodies) {
    std::optional<ClosedBody> closed = body.which ? close_body(program, body.node, *body.which)
                                                  : close_group(program, step_from(machine.steps, body.node)->group);
    if (!closed) fail(ErrorCode::internal, "a body was closed before, and now is not");
    auto engine = EngineDef::create(std::move(closed->model), [&](const EngineDef& made) {
      return bind_machine(std::move(body.machine), made.program(), packed);
    });
    machine.bodies.push_back(
        {body.node, body.which, std::move(closed->captured), std::move(body.follows_shapes), std::move(engine)});
  }
  return machine;
}

}  // namespace kiln
