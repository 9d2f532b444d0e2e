#include "runtime/executor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <stdexcept>

#include "base/error.hpp"
#include "base/large_memory.hpp"
#include "base/team.hpp"
#include "base/thread_pool.hpp"
#include "runtime/body_scratch.hpp"
#include "runtime/plan.hpp"
#include "runtime/runtime_knobs.hpp"
#include "runtime/verify.hpp"

namespace kiln {
namespace {

/// Values up to this size are shown to type inference during a run: they may be shapes.
constexpr int64_t largest_shown = 1024;

void check_target(const Tensor& target, DType dtype, const Shape& shape) {
  if (target.dtype() == dtype && target.shape() == shape && target.is_aligned()) return;
  fail(ErrorCode::invalid_argument, "a tensor for an output: found {} {}{}, expected {} {}", dtype_name(target.dtype()),
       to_string(target.shape()), target.is_aligned() ? "" : ", not aligned", dtype_name(dtype), to_string(shape));
}

void copy_to(const Value& result, Tensor& target) {
  if (!result.is_tensor()) {
    fail(ErrorCode::invalid_argument, "{} is no tensor, and cannot be written into one", result.describe());
  }
  const Tensor& from = result.tensor();
  check_target(target, from.dtype(), from.shape());
  if (from.dtype() == DType::string) {
    std::copy(from.elements<std::string>().begin(), from.elements<std::string>().end(),
              target.mutable_elements<std::string>().begin());
  } else if (from.bytes() > 0) {
    std::memcpy(target.mutable_raw(), from.raw(), from.bytes());
  }
}

[[noreturn]] void fail_cancelled() {
  fail(ErrorCode::cancelled, "the run was stopped because the caller asked for it");
}

/// Gives a value elements of its own.
void own(Value& value) {
  if (value.is_tensor() && !value.tensor().is_unique()) value = value.tensor().clone();
  if (!value.is_sequence()) return;
  Sequence copy{.items = value.sequence().items, .dtype = value.sequence().dtype};
  for (Value& item : copy.items) own(item);
  value = std::move(copy);
}

}  // namespace

/// The values of one graph while it runs.
struct Executor::Frame {
  const Program& program;
  Frame* outer;
  const EngineDef* engine = nullptr;  ///< of its main graph, with plan and scratch
  const Plan* plan = nullptr;
  RunScratch* scratch = nullptr;
  std::vector<Value> values;

  Frame(const Program& program_, Frame* outer_)
      : program(program_), outer(outer_), values(program_.graph->values.size()) {}
  /// Of an engine, whose plan may do without values.
  Frame(const EngineDef& engine_, const Plan& plan_, RunScratch& scratch_)
      : program(engine_.program()),
        outer(nullptr),
        engine(&engine_),
        plan(&plan_),
        scratch(&scratch_),
        values(!plan_.schedule || plan_.schedule->uses_values ? program.graph->values.size() : 0) {}

  Surrounding describe() const {
    Surrounding here{program.graph, program.opsets, Facts(values.size())};
    for (size_t i = 0; i < values.size(); ++i) {
      const Value& value = values[i].is_none() ? program.constants[i] : values[i];
      here.facts[i].type = type_of(value);
      if (value.is_tensor() && value.tensor().size() <= largest_shown) here.facts[i].constant = value.tensor();
    }
    return here;
  }

  const Value& read(const ValueSource& source) {
    Frame* frame = this;
    for (int i = 0; i < source.depth; ++i) frame = frame->outer;
    const auto index = static_cast<size_t>(source.id);
    Value& value = frame->values[index];
    if (!value.is_none()) return value;
    const Value& constant = frame->program.constants[index];
    if (!constant.is_tensor() || constant.tensor().is_aligned()) return constant;
    // Meant to be packed only, and wanted after all for shapes that the tactic declines.
    value = constant.tensor().clone();
    return value;
  }
};

class Executor::Host : public EvalHost {
 public:
  Host(Executor& executor, Frame& frame) : executor_(executor), frame_(frame) {}

  Tensor allocate(DType dtype, Shape shape) override { return executor_.allocate(dtype, std::move(shape)); }
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) override {
    constexpr int64_t most_pieces = 16;
    const int64_t least = std::max<int64_t>(grain, 1);
    // In pieces, so that it can stop between them.
    executor_.team_->parallel_for(count, least, [&](int64_t begin, int64_t end) {
      const StopScope scope(&executor_);
      const int64_t piece = least * std::max<int64_t>(1, (end - begin) / (most_pieces * least));
      for (int64_t at = begin; at < end; at += piece) {
        executor_.check_stop();
        body(at, std::min(end, at + piece));
      }
    });
  }
  std::vector<Value> run_graph(const Graph& graph, std::span<const Value> inputs) override {
    const Body* body = frame_.engine != nullptr ? frame_.engine->body_of(graph) : nullptr;
    if (body != nullptr && inputs.size() == graph.inputs.size()) return executor_.run_body(*body, frame_, inputs);
    const auto subgraph = frame_.program.subgraphs.find(&graph);
    if (subgraph == frame_.program.subgraphs.end()) fail(ErrorCode::internal, "a subgraph was not compiled");
    Frame inner(*subgraph->second, &frame_);
    return executor_.run_frame(inner, inputs);
  }
  std::vector<Type> infer_graph(const Graph& graph, std::span<const Value> inputs) override {
    std::vector<Type> types;
    for (const Value& input : inputs) types.push_back(type_of(input));
    std::vector<Surrounding> around;
    for (const Frame* frame = &frame_; frame; frame = frame->outer) around.insert(around.begin(), frame->describe());
    Diagnostics diagnostics(Diagnostics::Mode::collect);
    ShapeInference inference(*frame_.program.model, diagnostics);
    return inference.infer_outputs(graph, types, around);
  }
  void check_cancelled() override { executor_.check_cancelled(); }
  uint64_t next_seed() override { return executor_.next_seed_++; }

 private:
  Executor& executor_;
  Frame& frame_;
};

std::vector<Value> Executor::run(const EngineDef& engine, RunScratch& scratch, const Plan& plan, std::byte* arena) {
  Frame frame(engine, plan, scratch);
  observer_ = options_.observer;
  std::vector<Value> results;
  const auto main = [&](Team& team) {
    const StopScope scope(this);
    team_ = &team;
    results = plan.schedule ? run_schedule(frame, *plan.schedule, scratch, arena) : run_frame(frame, scratch.inputs);
  };
  Team::gather(threads_, main, most_threads_);
  team_ = nullptr;
  for (size_t i = 0; i < scratch.targets.size() && i < results.size(); ++i) {
    if (scratch.targets[i] != nullptr && !results[i].is_none()) copy_to(results[i], *scratch.targets[i]);
  }
  return results;
}

/// What the addresses of a schedule count from in one run.
struct Executor::Memory {
  std::byte* arena;
  std::span<void*const> inputs, outputs;

  void* at(const Schedule::Address& address, const Frame& frame) const {
    using Base = Schedule::Base;
    const auto index = static_cast<size_t>(address.index);
    switch (address.base) {
      case Base::none: return nullptr;
      case Base::constant: return reinterpret_cast<void*>(static_cast<intptr_t>(address.offset));
      case Base::arena: return arena + address.offset;
      case Base::input: return static_cast<std::byte*>(inputs[index]) + address.offset;
      case Base::output: return static_cast<std::byte*>(outputs[index]) + address.offset;
      case Base::boxed:
        return static_cast<std::byte*>(const_cast<void*>(frame.values[index].tensor().raw())) + address.offset;
    }
    return nullptr;
  }
};

/// Where an output goes: into the caller's tensor, or one made for it.
void* Executor::output_address(const Schedule::Output& output, size_t index, const RunScratch& scratch,
                               Value* written) {
  if (!output.is_written) return nullptr;
  if (index < scratch.targets.size() && scratch.targets[index] != nullptr) {
    check_target(*scratch.targets[index], output.dtype, output.shape);
    return scratch.targets[index]->mutable_raw();
  }
  const Tensor none;
  const Tensor& memory = index < scratch.memory.size() ? scratch.memory[index] : none;
  const bool fits = memory.dtype() == output.dtype && memory.shape() == output.shape;
  *written = fits ? memory : allocate(output.dtype, output.shape);
  return written->tensor().mutable_raw();
}

std::vector<Value> Executor::run_schedule(Frame& frame, const Schedule& schedule, RunScratch& scratch,
                                          std::byte* arena) {
  const Program& program = frame.program;
  scratch.input_addresses.clear();
  for (size_t i = 0; i < scratch.inputs.size(); ++i) {
    const Value& input = scratch.inputs[i];
    const ValueId id = program.graph->inputs[i];
    if (id != no_value && schedule.uses_values) frame.values[static_cast<size_t>(id)] = input;
    scratch.input_addresses.push_back(input.is_tensor() ? const_cast<void*>(input.tensor().raw()) : nullptr);
  }
  const auto is_given = [](const Tensor* target) { return target != nullptr; };
  const bool all_given = !schedule.uses_values && scratch.targets.size() == schedule.outputs.size() &&
                         std::all_of(scratch.targets.begin(), scratch.targets.end(), is_given);
  std::vector<Value> written(all_given ? 0 : schedule.outputs.size());
  scratch.output_addresses.clear();
  for (size_t i = 0; i < schedule.outputs.size(); ++i) {
    const Schedule::Output& output = schedule.outputs[i];
    scratch.output_addresses.push_back(output_address(output, i, scratch, all_given ? nullptr : &written[i]));
  }
  const Memory memory{arena, scratch.input_addresses, scratch.output_addresses};
  if (schedule.uses_values) {
    for (const auto& [id, tensor] : schedule.presets) frame.values[static_cast<size_t>(id)] = tensor;
  }
  for (size_t i = 0; i < schedule.steps.size(); ++i) {
    const Schedule::Step& step = schedule.steps[i];
    check_cancelled();
    const StepView view{i, schedule.steps.size(), &step, nullptr};
    if (observer_) observer_->before(view);
    if (step.work) {
      run_work(frame, step, memory);
    } else {
      run_reference(frame, step, memory);
    }
    for (ValueId id : step.releases) frame.values[static_cast<size_t>(id)] = Value();
    if (observer_) observer_->after(view);
  }
  for (size_t i = 0; i < written.size(); ++i) {
    const ValueSource& source = program.outputs[i];
    if (!schedule.outputs[i].is_written && source.id != no_value) written[i] = frame.read(source);
  }
  return written;
}

void Executor::run_reference(Frame& frame, const Schedule::Step& step, const Memory& memory) {
  for (const Schedule::Loan& loan : step.loans) {
    const size_t bytes = static_cast<size_t>(element_count(loan.shape)) * dtype_size(loan.dtype);
    frame.values[static_cast<size_t>(loan.value)] =
        Tensor::borrow(loan.dtype, loan.shape, memory.at(loan.address, frame), bytes);
  }
  if (const Body* sequel = frame.engine->sequel_of(step.machine->group)) {
    std::vector<Value> results = run_body(*sequel, frame, {});
    const std::vector<ValueId>& made = step.machine->group.outputs;
    for (size_t i = 0; i < made.size(); ++i) frame.values[static_cast<size_t>(made[i])] = std::move(results[i]);
  } else {
    for (const Step* node : step.reference) run_step(frame, *node);
  }
  // What it made must not share the schedule's memory, which goes on to be written.
  for (const Step* node : step.reference) {
    for (ValueId id : node->node->outputs) {
      if (id != no_value && !step.loans.empty()) own(frame.values[static_cast<size_t>(id)]);
    }
  }
  for (const Schedule::Loan& loan : step.loans) frame.values[static_cast<size_t>(loan.value)] = Value();
}

namespace {

/// The node that a value comes from, in words.
std::string maker_of(const Graph& graph, ValueId value) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (std::ranges::find(graph.nodes[i].outputs, value) != graph.nodes[i].outputs.end()) {
      return graph.nodes[i].describe(i);
    }
  }
  return "an input";
}

}  // namespace

void Executor::run_work(Frame& frame, const Schedule::Step& step, const Memory& memory) {
  constexpr size_t most_on_stack = 16;
  std::array<const void*, most_on_stack> few_inputs;
  std::array<void*, most_on_stack> few_outputs;
  std::vector<const void*> more_inputs;
  std::vector<void*> more_outputs;
  const auto pick = [](size_t count, auto& few, auto& more) {
    if (count <= few.size()) return few.data();
    more.resize(count);
    return more.data();
  };
  const void** const inputs = pick(step.inputs.size(), few_inputs, more_inputs);
  void** const outputs = pick(step.outputs.size(), few_outputs, more_outputs);
  for (const Schedule::Loan& loan : step.boxed) {
    const Value& value = frame.values[static_cast<size_t>(loan.value)];
    if (!value.is_tensor() || value.tensor().dtype() != loan.dtype || value.tensor().shape() != loan.shape) {
      fail(ErrorCode::internal, "{}: '{}' is {}, but its operator's rule said {} {}",
           maker_of(*frame.program.graph, loan.value), frame.program.graph->name_of(loan.value), value.describe(),
           dtype_name(loan.dtype), to_string(loan.shape));
    }
  }
  for (size_t i = 0; i < step.inputs.size(); ++i) inputs[i] = memory.at(step.inputs[i], frame);
  for (size_t i = 0; i < step.outputs.size(); ++i) outputs[i] = memory.at(step.outputs[i], frame);
  const auto scratch = reinterpret_cast<uintptr_t>(memory.arena + step.scratch);
  const WorkPointers p{inputs, outputs, step.packed, reinterpret_cast<float*>(scratch)};
  const Work& work = *step.work;
  if (work.checks()) {
    const Node& anchor = frame.program.graph->nodes[step.machine->group.nodes.front()];
    with_place([&] { work.check(p); }, [&] { return anchor.describe(step.machine->group.nodes.front()); });
  }
  const int64_t phases = work.phases(), parts = int64_t{step.parts} * step.turns;
  // A thread's parts are neighbours, so that threads have as much to do as without turns.
  const auto run_part = [&](int64_t turn, int64_t thread) {
    const int64_t part = thread * step.turns + turn % step.turns;
    WorkPointers own = p;
    own.scratch = reinterpret_cast<float*>(scratch - static_cast<uintptr_t>((part - thread) * step.part_bytes));
    work.run_part(turn / step.turns, part, parts, own);
  };
  for (int64_t turn = 0; turn < phases * step.turns; ++turn) {
    if (turn > 0) check_cancelled();
    if (step.parts == 1) {
      run_part(turn, 0);
    } else {
      team_->run(step.parts, [&](int thread) {
        const StopScope scope(this);
        run_part(turn, thread);
      });
    }
  }
}

void Executor::check_cancelled() {
  if (options_.interrupted && options_.interrupted()) is_interrupted_ = true;
  if (is_cancelled()) fail_cancelled();
  if (deadline_ != std::chrono::steady_clock::time_point::max() && std::chrono::steady_clock::now() > deadline_) {
    fail(ErrorCode::limit_exceeded, "the run takes longer than {} ms (knob max_run_ms)", max_run_ms.get());
  }
}

void Executor::check_stop() {
  if (std::this_thread::get_id() == caller_) {
    check_cancelled();
  } else if (is_cancelled()) {
    fail_cancelled();
  }
}

Tensor Executor::allocate(DType dtype, Shape shape) {
  check_tensor_limit(dtype, shape);
  const auto bytes = element_count(shape) * static_cast<int64_t>(dtype_size(dtype));
  const int64_t most = max_run_bytes.get(), used = static_cast<int64_t>(buffers_.bytes_used());
  const int64_t limit = std::min(most, most_values_);
  if (bytes > limit - used) {
    fail(ErrorCode::limit_exceeded, "a tensor of {} {} and the {} bytes held already are more than {} bytes ({})",
         dtype_name(dtype), to_string(shape), used, limit, limit < most ? "max_memory" : "knob max_run_bytes");
  }
  return buffers_.allocate(dtype, std::move(shape));
}

/// The plan for the inputs in `kept`; null where a plain walk should take less than making and running one.
const Plan* Executor::plan_of_body(const EngineDef& engine, BodyScratch& kept) {
  constexpr size_t most_plans = 8;
  const std::vector<Value>& inputs = kept.scratch.inputs;
  for (auto plan = kept.plans.begin(); plan != kept.plans.end(); ++plan) {
    if (!fits(*plan, inputs, kept.known)) continue;
    kept.plans.splice(kept.plans.begin(), kept.plans, plan);
    return &kept.plans.front();
  }
  if (!kept.is_plan_worth_it()) return nullptr;
  const int64_t left = most_values_ - static_cast<int64_t>(buffers_.bytes_used());
  const int64_t most = most_values_ == INT64_MAX ? INT64_MAX : std::max<int64_t>(0, left);
  kept.plans.push_front(make_plan(engine, inputs, most_threads_, most, kept.known));
  count_for_bodies(kept.plans.front().bytes);
  if (kept.plans.size() > most_plans) {
    count_for_bodies(-kept.plans.back().bytes);
    kept.plans.pop_back();
  }
  return &kept.plans.front();
}

/// The memory that a plan of a body runs in: its own where that is little, else from the pool.
std::byte* Executor::arena_of_body(int64_t bytes, BodyScratch& kept, Tensor& pooled) {
  constexpr int64_t little = 65536;
  if (bytes > little) {
    pooled = allocate(DType::u8, {bytes});
    return static_cast<std::byte*>(pooled.mutable_raw());
  }
  if (bytes > kept.arena_bytes) {
    kept.arena = LargeMemory(static_cast<std::byte*>(allocate_large(little)), FreeLarge{little});
    if (!kept.arena) fail(ErrorCode::out_of_memory, "cannot allocate {} bytes to run in", little);
    kept.arena_bytes = little;
    count_for_bodies(little);
  }
  return kept.arena.get();
}

namespace {

/// Remembers the elements of a small value, which plans may be made for.
void know(const Value& value, Tensor& known) {
  constexpr int64_t most_elements = 64;
  if (!value.is_tensor() || value.tensor().dtype() == DType::string || value.tensor().size() > most_elements) {
    known = Tensor();
  } else if (!known.defined() || !equal_bits(known, value.tensor())) {
    known = value.tensor().clone();
  }
}

}  // namespace

/// Puts what a body reads where its plan finds it.
void Executor::bind_body(const Body& body, Frame& outer, std::span<const Value> inputs, BodyScratch& kept) {
  std::vector<Value>& bound = kept.scratch.inputs;
  bound.resize(inputs.size() + body.captured.size());
  kept.known.resize(bound.size());
  std::copy(inputs.begin(), inputs.end(), bound.begin());
  for (size_t i = 0; i < body.captured.size(); ++i) {
    const size_t to = inputs.size() + i;
    const ValueId id = body.captured[i];
    const auto constant = outer.plan->for_bodies.find(id);
    const bool is_known = constant != outer.plan->for_bodies.end();
    bound[to] = is_known ? Value(constant->second) : outer.read({.id = id});
    if (is_known) {
      kept.known[to] = constant->second;
    } else if (i >= body.follows_shapes.size() || !body.follows_shapes[i]) {
      kept.known[to] = Tensor();
    } else {
      know(bound[to], kept.known[to]);
    }
  }
}

/// Runs a subgraph or a sequel, by a plan of its own where that is worth it.
std::vector<Value> Executor::run_body(const Body& body, Frame& outer, std::span<const Value> inputs) {
  const EngineDef& engine = *body.engine;
  std::unique_ptr<BodyScratch>& slot = outer.scratch->bodies[&engine];
  if (!slot) slot = std::make_unique<BodyScratch>();
  BodyScratch& kept = *slot;
  struct Restore {
    BodyScratch& kept;
    RunObserver*& observer;
    RunObserver* const before;
    ~Restore() {
      static const Value none;
      for (Value& input : kept.scratch.inputs) input = none;
      observer = before;
    }
  } const restore{kept, observer_, observer_};
  observer_ = nullptr;
  bind_body(body, outer, inputs, kept);
  const auto begin = std::chrono::steady_clock::now();
  const Plan* const plan = plan_of_body(engine, kept);
  const auto took = [&] { return std::chrono::steady_clock::now() - begin; };
  if (plan == nullptr || !plan->schedule) {
    static const Plan unknown;
    Frame frame(engine, unknown, kept.scratch);
    std::vector<Value> results = run_frame(frame, kept.scratch.inputs);
    (plan == nullptr ? kept.walked : kept.planned).add(took());
    return results;
  }
  Tensor pooled;
  std::byte* const arena = arena_of_body(plan->schedule->arena_bytes, kept, pooled);
  Frame frame(engine, *plan, kept.scratch);
  std::vector<Value> results = run_schedule(frame, *plan->schedule, kept.scratch, arena);
  kept.planned.add(took());
  return results;
}

std::vector<Value> Executor::run_frame(Frame& frame, std::span<const Value> inputs) {
  const Graph& graph = *frame.program.graph;
  if (inputs.size() > graph.inputs.size()) {
    fail(ErrorCode::invalid_model, "graph '{}' has {} inputs, {} were given", graph.name, graph.inputs.size(),
         inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (graph.inputs[i] != no_value) frame.values[static_cast<size_t>(graph.inputs[i])] = inputs[i];
  }
  for (size_t i = inputs.size(); i < graph.inputs.size(); ++i) {
    const ValueId id = graph.inputs[i];
    // A function's inputs may be left out; nothing in its body reads them then.
    if (!frame.outer || id == no_value || !frame.program.constants[static_cast<size_t>(id)].is_none()) continue;
    fail(ErrorCode::invalid_model, "input '{}' of subgraph '{}' is not given", graph.name_of(id), graph.name);
  }
  const std::vector<Step>& steps = frame.program.steps;
  RunObserver* const observer =
      frame.program.outer || frame.program.graph != &frame.program.model->graph ? nullptr : observer_;
  for (size_t i = 0; i < steps.size(); ++i) {
    check_cancelled();
    const StepView view{i, steps.size(), nullptr, &steps[i]};
    if (observer) observer->before(view);
    run_step(frame, steps[i]);
    for (ValueId id : steps[i].releases) frame.values[static_cast<size_t>(id)] = Value();
    if (observer) observer->after(view);
  }
  std::vector<Value> results;
  for (const ValueSource& source : frame.program.outputs) {
    results.push_back(source.id == no_value ? Value() : frame.read(source));
  }
  return results;
}

void Executor::run_step(Frame& frame, const Step& step) {
  std::vector<Value> outputs(step.node->outputs.size());
  try {
    std::vector<const Value*> inputs;
    for (const ValueSource& source : step.inputs) {
      inputs.push_back(source.id == no_value ? nullptr : &frame.read(source));
    }
    if (step.function) {
      std::vector<Value> values;
      for (const Value* input : inputs) values.push_back(input ? *input : Value());
      Frame body(*step.function, nullptr);
      outputs = run_frame(body, values);
      outputs.resize(step.node->outputs.size());
    } else {
      step.types->check(inputs);
      Host host(*this, frame);
      EvalContext context(*step.node, *step.schema, *frame.program.opsets, host, inputs, outputs, step.kept.get());
      step.schema->op->eval(context);
      if (verify_shapes.get()) verify_step(step, *frame.program.opsets, inputs, outputs);
    }
  } catch (const Error& error) {
    throw Error(error.code(), step.node->describe(step.node_index) + ": " + error.what());
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "{}: memory could not be had", step.node->describe(step.node_index));
  } catch (const std::length_error& error) {
    fail(ErrorCode::limit_exceeded, "{}: larger than any memory ({})", step.node->describe(step.node_index),
         error.what());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ValueId id = step.node->outputs[i];
    if (id != no_value) frame.values[static_cast<size_t>(id)] = std::move(outputs[i]);
  }
}

}  // namespace kiln
