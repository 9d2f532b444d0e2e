#include "runtime/plan.hpp"

#include <malloc.h>

#include <chrono>
#include <cstring>

#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

SymShape sym(const Shape& shape) { return {shape.begin(), shape.end()}; }

bool same_type(const Type& type, const Value& value) {
  if (!value.is_tensor()) return !type.is_tensor();
  const Tensor& tensor = value.tensor();
  if (!type.is_tensor() || type.dtype != tensor.dtype() || type.shape->size() != tensor.shape().size()) return false;
  for (size_t i = 0; i < tensor.shape().size(); ++i) {
    if ((*type.shape)[i].value() != tensor.shape()[i]) return false;
  }
  return true;
}

template <class T>
int64_t heap_of(const std::vector<T>& list) {
  return static_cast<int64_t>(list.capacity() * sizeof(T));
}

int64_t bytes_of(const Schedule::Step& step) {
  int64_t bytes = heap_of(step.inputs) + heap_of(step.outputs) + heap_of(step.boxed) + heap_of(step.reference) +
                  heap_of(step.loans) + heap_of(step.releases);
  for (const auto* loans : {&step.boxed, &step.loans}) {
    for (const Schedule::Loan& loan : *loans) bytes += heap_of(loan.shape);
  }
  if (!step.work) return bytes;
  return bytes + static_cast<int64_t>(::malloc_usable_size(step.work.get())) + step.work->bytes_beside();
}

/// What a plan takes, as near as it can be told: kernels with lists of their own take a little more.
int64_t list_bytes(const Plan& plan) {
  auto bytes = static_cast<int64_t>(sizeof(Plan)) + heap_of(plan.inputs) + heap_of(plan.constants);
  for (const Type& type : plan.inputs) bytes += type.shape ? heap_of(*type.shape) : 0;
  for (const Tensor& constant : plan.constants) {
    bytes += heap_of(constant.shape()) + static_cast<int64_t>(constant.bytes());
  }
  if (!plan.schedule) return bytes;
  const Schedule& schedule = *plan.schedule;
  bytes += heap_of(schedule.steps) + heap_of(schedule.outputs) + heap_of(schedule.presets);
  for (const Schedule::Step& step : schedule.steps) bytes += bytes_of(step);
  for (const MachineStep& step : schedule.late) {
    bytes += static_cast<int64_t>(sizeof step) + heap_of(step.group.nodes) + heap_of(step.group.inputs) +
             heap_of(step.group.outputs) + heap_of(step.formats.inputs) + heap_of(step.formats.outputs);
  }
  return bytes;
}

/// Rounded up, since what malloc gives changes a little from time to time.
int64_t bytes_of(const Plan& plan) { return (list_bytes(plan) + 1023) / 1024 * 1024; }

int64_t output_bytes(const Program& program, const Facts& facts) {
  int64_t bytes = 0;
  for (const ValueSource& source : program.outputs) {
    if (source.id == no_value || source.kind != ValueSource::Kind::frame) continue;
    const TensorSpec spec = spec_of(program, facts, source.id);
    if (spec.is_given()) bytes += element_count(spec.shape) * static_cast<int64_t>(dtype_size(spec.dtype));
  }
  return bytes;
}

/// Keeps what bodies may take as constants.
void add_for_bodies(const Machine& machine, const Facts& facts, Plan& plan) {
  constexpr int64_t most_elements = 1024;
  for (const Body& body : machine.bodies) {
    for (ValueId id : body.captured) {
      const Tensor& constant = facts[static_cast<size_t>(id)].constant;
      if (!constant.defined() || constant.dtype() == DType::string || constant.size() > most_elements) continue;
      plan.for_bodies.emplace(id, constant);
    }
  }
}

/// The fastest schedule with which the plan takes at most so many bytes; where none does, the one with the fewest.
void add_schedule(const EngineDef& engine, const Facts& facts, int threads, int64_t most_bytes, Plan& plan) {
  const BandsChoice asked = bands_knob.get();
  std::optional<Schedule> least;
  int64_t least_bytes = 0, least_needed = 0;
  const Machine& machine = *engine.machine();
  const size_t ways = machine.buckets.empty() ? 0 : machine.buckets[plan.bucket].ways;
  std::vector<ScheduleOptions> choices{{.threads = threads, .bands = asked, .ways = ways}};
  if (asked == BandsChoice::automatic) {
    choices.push_back({.threads = threads, .bands = asked, .spares_memory = true, .ways = ways});
    choices.push_back({.threads = threads, .bands = BandsChoice::on, .ways = ways});
  }
  // At first with all scratch that steps ask for; then less for those that there is no room for, then for all.
  for (int round = 0; round < 3; ++round) {
    const int64_t room = std::max<int64_t>(0, most_bytes - least_bytes - plan.output_bytes);
    for (ScheduleOptions& options : choices) {
      if (least && least_needed <= most_bytes) break;
      options.most_arena = round == 0 ? INT64_MAX : round == 1 ? room : 0;
      plan.schedule = make_schedule(engine.program(), machine, facts, options);
      plan.bytes = bytes_of(plan);
      if (least && plan.bytes_needed() >= least_needed) continue;
      least_bytes = plan.bytes, least_needed = plan.bytes_needed();
      least = std::move(plan.schedule);
    }
  }
  plan.schedule = std::move(least);
  plan.bytes = least_bytes;
}

/// Of tensors of the same type.
bool same_elements(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

}  // namespace

Type type_of(const Value& value) {
  if (value.is_tensor()) return Type::tensor(value.tensor().dtype(), sym(value.tensor().shape()));
  if (value.is_sparse()) return Type::sparse(value.sparse().values.dtype(), sym(value.sparse().shape));
  if (value.is_map()) return Type::map(value.map().keys.dtype(), Type::tensor(value.map().values.dtype(), SymShape{}));
  if (value.is_sequence()) {
    const Sequence& sequence = value.sequence();
    Type element;
    if (sequence.dtype != DType::undefined) element = Type::tensor(sequence.dtype);
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      const Type item = type_of(sequence.items[i]);
      element = i == 0 ? item : join(element, item);
    }
    // The number of elements is no part of the type, and other elements may have other shapes.
    element.shape.reset();
    return Type::sequence(std::move(element));
  }
  return {};
}

Facts infer_facts(const EngineDef& engine, std::span<const Type> inputs, Diagnostics& diagnostics,
                  std::span<const Tensor> known) {
  std::map<ValueId, Fact> facts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    // A value that is no tensor says less of its type than the model does.
    const bool exact = inputs[i].kind == Type::Kind::tensor || inputs[i].kind == Type::Kind::sparse;
    Fact& fact = facts[engine.inputs()[i].value];
    fact.type = exact ? inputs[i] : engine.inputs()[i].type;
    if (i < known.size()) fact.constant = known[i];
  }
  ShapeInference inference(engine.model(), diagnostics, ShapeInference::StatedTypes::ignore);
  inference.begin_with(engine.known());
  return inference.run(facts);
}

Plan make_plan(const EngineDef& engine, std::span<const Value> inputs, int threads, int64_t most_bytes,
               std::vector<Tensor> known) {
  const auto begin = std::chrono::steady_clock::now();
  Plan plan;
  for (const Value& input : inputs) plan.inputs.push_back(type_of(input));
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  plan.known = std::move(known);
  const Facts facts = infer_facts(engine, plan.inputs, diagnostics, plan.known);
  plan.output_bytes = output_bytes(engine.program(), facts);
  // Where a rule is broken the reference code runs, and says how.
  if (engine.machine() != nullptr && !diagnostics.has_errors()) {
    for (size_t i = 0; i < facts.size(); ++i) {
      const Tensor& constant = facts[i].constant;
      if (constant.raw() != engine.known().facts[i].constant.raw()) plan.constants.push_back(constant);
    }
    add_for_bodies(*engine.machine(), facts, plan);
    plan.bucket = nearest_bucket(engine.machine()->buckets, plan.inputs);
    add_schedule(engine, facts, threads, most_bytes, plan);
  } else {
    plan.bytes = bytes_of(plan);
  }
  plan.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return plan;
}

bool fits(const Plan& plan, std::span<const Value> inputs, std::span<const Tensor> known) {
  if (plan.inputs.size() != inputs.size()) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!same_type(plan.inputs[i], inputs[i])) return false;
  }
  for (size_t i = 0; i < plan.known.size(); ++i) {
    if (!plan.known[i].defined()) continue;
    if (i >= known.size() || !known[i].defined() || !same_elements(plan.known[i], known[i])) return false;
  }
  return true;
}

}  // namespace kiln
