#include "runtime/context.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "base/error.hpp"
#include "base/large_memory.hpp"
#include "base/thread_pool.hpp"
#include "runtime/executor.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

constexpr size_t most_plans = 8;

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

std::string names_of(const std::vector<Port>& ports) {
  std::string names;
  for (const Port& port : ports) names += (names.empty() ? "'" : ", '") + port.name + "'";
  return names;
}

}  // namespace

Context::Context(std::shared_ptr<const EngineDef> engine, ContextOptions options)
    : engine_(std::move(engine)), next_seed_(options.seed), most_threads_(options.threads) {
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
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan) {
    if (!fits(*plan, inputs)) continue;
    plans_.splice(plans_.begin(), plans_, plan);
    return plans_.front();
  }
  plans_.push_front(make_plan(*engine_, inputs, threads()));
  if (plans_.size() > most_plans) plans_.pop_back();
  return plans_.front();
}

std::vector<Value> Context::run_bound(const StepOptions& options) {
  bind_defaults();
  const Plan& plan = plan_for(scratch_.inputs);
  Executor executor(pool_, default_pool(), options, next_seed_, threads());
  return executor.run(engine_->program(), scratch_, plan, arena_of(plan));
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
  const int64_t bytes = plan.schedule ? plan.schedule->arena_bytes : 0;
  if (bytes > arena_bytes_) {
    if (bytes > max_run_bytes.get()) {
      fail(ErrorCode::limit_exceeded, "these input shapes need {} bytes, more than {} (knob max_run_bytes)", bytes,
           max_run_bytes.get());
    }
    arena_.reset();
    arena_bytes_ = 0;
    arena_.reset(static_cast<std::byte*>(allocate_large(static_cast<size_t>(bytes))));
    if (!arena_) fail(ErrorCode::out_of_memory, "cannot allocate {} bytes to run in", bytes);
    arena_bytes_ = bytes;
  }
  return arena_.get();
}

void Context::trim() {
  pool_.trim();
  arena_.reset();
  arena_bytes_ = 0;
  plans_.clear();
}

}  // namespace kiln
