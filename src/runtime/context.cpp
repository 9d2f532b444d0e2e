#include "runtime/context.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "runtime/body_scratch.hpp"
#include "runtime/executor.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

std::string expected_shape(const Type& type) { return type.shape ? to_string(*type.shape) : "any shape"; }

/// Holds a value given for an input against what the model says of it.
void check_input(const Port& input, const Value& value) {
  const Type* type = &input.type;
  if (type->kind == Type::Kind::optional) {
    if (value.is_none() || !type->inner) return;
    type = type->inner.get();
  }
  const bool fits = type->kind == Type::Kind::tensor     ? value.is_tensor()
                    : type->kind == Type::Kind::sequence ? value.is_sequence()
                    : type->kind == Type::Kind::map      ? value.is_map()
                    : type->kind == Type::Kind::sparse   ? value.is_sparse()
                                                         : true;
  if (!fits) {
    fail(ErrorCode::invalid_argument, "input '{}': found {}, expected {}", input.name, value.describe(), type->str());
  }
  if (value.is_map() && type->kind == Type::Kind::map && type->inner) {
    const DType key = value.map().keys.dtype(), element = value.map().values.dtype();
    const bool same = key == type->dtype && (!type->inner->is_tensor() || element == type->inner->dtype);
    if (!same || value.map().keys.shape() != value.map().values.shape()) {
      fail(ErrorCode::invalid_argument, "input '{}': found {}, expected {}", input.name, value.describe(), type->str());
    }
  }
  if (!value.is_tensor() || !type->is_tensor()) return;
  const Tensor& tensor = value.tensor();
  if (type->dtype != DType::undefined && tensor.dtype() != type->dtype) {
    fail(ErrorCode::invalid_argument, "input '{}': found a tensor of {}, expected {}", input.name,
         dtype_name(tensor.dtype()), dtype_name(type->dtype));
  }
  if (!type->shape) return;
  bool same = type->shape->size() == tensor.shape().size();
  for (size_t i = 0; same && i < tensor.shape().size(); ++i) {
    const Dim& dim = (*type->shape)[i];
    same = !dim.is_known() || dim.value() == tensor.shape()[i];
  }
  if (!same) {
    fail(ErrorCode::invalid_argument, "input '{}': found shape {}, expected {}", input.name, to_string(tensor.shape()),
         expected_shape(*type));
  }
}

/// Whether a run may write its result there while it still reads its inputs.
bool may_be_written(const Tensor& tensor, const std::vector<Value>& inputs) {
  if (!tensor.defined() || !tensor.is_aligned()) return false;
  const auto* begin = static_cast<const std::byte*>(tensor.raw());
  return std::ranges::all_of(inputs, [&](const Value& input) {
    if (!input.is_tensor()) return input.is_none();
    const auto* other = static_cast<const std::byte*>(input.tensor().raw());
    return std::less_equal<>()(begin + tensor.bytes(), other) ||
           std::less_equal<>()(other + input.tensor().bytes(), begin);
  });
}

/// Moves a result to where the caller wants it, unless it was written there.
void put(Value& result, const Tensor& into, const std::string& name) {
  if (!result.is_tensor() || result.tensor().dtype() != into.dtype() || result.tensor().shape() != into.shape()) {
    fail(ErrorCode::invalid_argument, "output '{}' is {}, which does not fit the memory given for it: {} {}", name,
         result.describe(), dtype_name(into.dtype()), to_string(into.shape()));
  }
  Tensor to = into;
  if (result.tensor().raw() != into.raw()) {
    if (into.dtype() == DType::string) {
      fail(ErrorCode::invalid_argument, "output '{}': strings cannot be written into given memory", name);
    }
    std::memmove(to.mutable_raw(), result.tensor().raw(), into.bytes());
  }
  result = std::move(to);
}

}  // namespace

RunScratch::RunScratch() = default;
RunScratch::~RunScratch() = default;

Context::Context(std::shared_ptr<const EngineDef> engine, ContextOptions options)
    : engine_(std::move(engine)),
      next_seed_(options.seed),
      most_threads_(options.threads),
      max_memory_(options.max_memory),
      on_note_(std::move(options.on_note)) {
  if (next_seed_ == 0) {
    std::random_device device;
    next_seed_ = (static_cast<uint64_t>(device()) << 32) | device();
  }
}
Context::~Context() = default;

/// The inputs of a run, for as long as it takes. They are let go by copying an empty value, which keeps the memory of
/// their shapes for the next run.
class Context::Bound {
 public:
  explicit Bound(Context& context) : scratch_(context.scratch_) {
    const size_t count = context.engine_->inputs().size();
    scratch_.inputs.resize(count);
    scratch_.given.assign(count, false);
    scratch_.targets.clear();
    scratch_.memory.clear();
  }
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;
  ~Bound() {
    static const Value none;
    for (Value& input : scratch_.inputs) input = none;
    scratch_.memory.clear();
  }

 private:
  RunScratch& scratch_;
};

void Context::bind(std::string_view name, const Value& value) {
  const auto& inputs = engine_->inputs();
  size_t index = 0;
  while (index < inputs.size() && inputs[index].name != name) ++index;
  if (index == inputs.size()) {
    fail(ErrorCode::invalid_argument, "the model has no input '{}'; its inputs are {}", name, names_of(inputs));
  }
  check_input(inputs[index], value);
  Value& bound = scratch_.inputs[index];
  bound = value;
  if (bound.is_tensor() && !bound.tensor().is_aligned()) bound = bound.tensor().clone();
  scratch_.given[index] = true;
}

void Context::bind_defaults() {
  const auto& inputs = engine_->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (scratch_.given[i]) continue;
    if (!inputs[i].optional) {
      fail(ErrorCode::invalid_argument, "input '{}' ({}) is not given", inputs[i].name, inputs[i].type.str());
    }
    scratch_.inputs[i] = engine_->program().constants[static_cast<size_t>(inputs[i].value)];
  }
}

const Plan& Context::plan_for(const std::vector<Value>& inputs) {
  const int64_t most = most_memory();
  const Plan* plan = plans_.find(inputs);
  if (plan == nullptr || plan->bytes_needed() > most) {
    Plan made;
    const auto make = [&] { made = make_plan(*engine_, inputs, threads(), most); };
    if (Warming* const warming = engine_->warming()) {
      warming->beside(make);
    } else {
      make();
    }
    note_profiles(made);
    ++plans_made_;
    plan_seconds_ += made.seconds;
    if (made.bytes_needed() > most) {
      fail(ErrorCode::limit_exceeded,
           "these input shapes need at least {} bytes ({} to work in, {} for outputs, {} for the plan), more than {} "
           "(max_memory)",
           made.bytes_needed(), made.arena_bytes(), made.output_bytes, made.bytes, most);
    }
    plan = &plans_.add(std::move(made));
  }
  const int64_t beside = plan->arena_bytes() + plan->output_bytes;
  const BodyMemory bodies = memory_of_bodies(scratch_);
  if (bodies.arena_bytes + bodies.plan_bytes > most - beside - plan->bytes) scratch_.bodies.clear();
  plans_.keep(most - beside, plans_.size());
  if (static_cast<int64_t>(pool_.bytes_kept()) > most - beside - plans_.bytes()) pool_.trim();
  // A little more than the largest needs is no reason to touch the memory anew.
  const int64_t needed = most == INT64_MAX ? plans_.largest_arena() : plan->arena_bytes();
  if (arena_used_ > needed + needed / 4 || arena_used_ > most - plan->output_bytes - plans_.bytes()) {
    release_tail(arena_.get(), arena_.get_deleter().bytes, static_cast<size_t>(needed));
    arena_used_ = needed;
  }
  return *plan;
}

void Context::note_profiles(const Plan& plan) const {
  const Machine* const machine = on_note_ ? engine_->machine() : nullptr;
  if (machine == nullptr || is_inside(machine->profiles, plan.inputs)) return;
  std::string given, nearest;
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    const std::string& name = engine_->inputs()[i].name;
    given += (given.empty() ? "" : ", ") + fmt::format("'{}' {}", name, expected_shape(plan.inputs[i]));
    if (machine->buckets.empty()) continue;
    const Shape& shape = machine->buckets[plan.bucket].inputs[i];
    nearest += (nearest.empty() ? "" : ", ") + fmt::format("'{}' {}", name, to_string(shape));
  }
  on_note_(fmt::format("the inputs' shapes are outside of all profiles of the engine: {}; it is done as for {}", given,
                       nearest.empty() ? "all shapes" : nearest));
}

int64_t Context::most_memory() const {
  const int64_t most = max_memory_ > 0 ? max_memory_ : max_memory.get();
  return most > 0 ? most : INT64_MAX;
}

std::vector<Value> Context::run_bound(const StepOptions& options) {
  bind_defaults();
  const Plan& plan = plan_for(scratch_.inputs);
  std::byte* const arena = arena_of(plan);
  Executor executor(pool_, default_pool(), options, next_seed_, threads());
  if (const int64_t most = most_memory(); most != INT64_MAX) {
    // What callers still have of earlier runs is theirs.
    const BodyMemory bodies = memory_of_bodies(scratch_);
    executor.limit_values(most - arena_used_ - plans_.bytes() - bodies.arena_bytes - bodies.plan_bytes +
                          static_cast<int64_t>(pool_.bytes_used()));
  }
  return executor.run(*engine_, scratch_, plan, arena);
}

std::vector<Value> Context::run(std::span<const Feed> feeds, std::span<const size_t> outputs,
                                const StepOptions& options, std::span<const Tensor> into) {
  for (size_t index : outputs) {
    if (index >= engine_->outputs().size()) {
      fail(ErrorCode::invalid_argument, "the model has no output number {}", index);
    }
  }
  std::vector<Value> results;
  {
    const Bound bound(*this);
    for (const Feed& feed : feeds) bind(feed.name, feed.value);
    for (size_t i = 0; i < into.size() && i < outputs.size(); ++i) {
      scratch_.memory.resize(engine_->outputs().size());
      if (may_be_written(into[i], scratch_.inputs)) scratch_.memory[outputs[i]] = into[i];
    }
    results = run_bound(options);
  }
  std::vector<Value> wanted;
  for (size_t i = 0; i < outputs.size(); ++i) {
    wanted.push_back(results[outputs[i]]);
    if (i < into.size() && into[i].defined()) put(wanted.back(), into[i], engine_->outputs()[outputs[i]].name);
  }
  pool_.settle();
  return wanted;
}

void Context::run_into(std::span<const std::pair<std::string, Value>> feeds,
                       std::span<const std::pair<std::string, Tensor*>> targets, const StepOptions& options) {
  const Bound bound(*this);
  for (const auto& [name, value] : feeds) bind(name, value);
  const auto& outputs = engine_->outputs();
  scratch_.targets.assign(outputs.size(), nullptr);
  for (const auto& [name, tensor] : targets) {
    size_t index = 0;
    while (index < outputs.size() && outputs[index].name != name) ++index;
    if (index == outputs.size()) {
      fail(ErrorCode::invalid_argument, "the model has no output '{}'; its outputs are {}", name, names_of(outputs));
    }
    scratch_.targets[index] = tensor;
  }
  run_bound(options);
  pool_.settle();
}

int Context::threads() const {
  const int all = default_pool().threads();
  return most_threads_ > 0 ? std::min(most_threads_, all) : all;
}

std::byte* Context::arena_of(const Plan& plan) {
  const int64_t bytes = plan.arena_bytes();
  if (static_cast<size_t>(bytes) > arena_.get_deleter().bytes) {
    if (bytes > max_run_bytes.get()) {
      fail(ErrorCode::limit_exceeded, "these input shapes need {} bytes, more than {} (knob max_run_bytes)", bytes,
           max_run_bytes.get());
    }
    release_arena();
    const auto size = static_cast<size_t>(bytes);
    arena_ = LargeMemory(static_cast<std::byte*>(allocate_large(size, threads())), FreeLarge{size});
    if (!arena_) {
      release_arena();
      fail(ErrorCode::out_of_memory, "cannot allocate {} bytes to run in", bytes);
    }
  }
  arena_used_ = std::max(arena_used_, bytes);
  return arena_.get();
}

void Context::release_arena() {
  arena_ = LargeMemory();
  arena_used_ = 0;
}

void Context::release_memory() {
  release_bodies(scratch_);
  pool_.trim();
  release_arena();
}

void Context::trim() {
  release_memory();
  plans_.clear();
  scratch_.bodies.clear();
}

ContextMemory Context::memory() const {
  const BodyMemory bodies = memory_of_bodies(scratch_);
  return {.arena_bytes = arena_used_ + bodies.arena_bytes,
          .plan_bytes = plans_.bytes() + bodies.plan_bytes,
          .plans = plans_.size() + bodies.plans,
          .kept_bytes = static_cast<int64_t>(pool_.bytes_kept()),
          .plans_made = plans_made_,
          .plan_seconds = plan_seconds_};
}

}  // namespace kiln
