#include <algorithm>
#include <chrono>
#include <mutex>

#include "api/engine_impl.hpp"
#include "api/model_impl.hpp"
#include "base/error.hpp"
#include "base/mapped_file.hpp"
#include "base/thread_pool.hpp"
#include "base/timer.hpp"
#include "builder/build.hpp"
#include "builder/builder_knobs.hpp"
#include "passes/optimize.hpp"
#include "passes/passes_knobs.hpp"
#include "runtime/context.hpp"
#include "runtime/idle_watch.hpp"
#include "runtime/runtime_knobs.hpp"
#include "runtime/step_cost.hpp"

namespace kiln {
namespace {

/// Tells a caller how far the main graph is, and what each step took.
class CallerObserver : public RunObserver {
 public:
  CallerObserver(const Context& context, const RunOptions& options)
      : context_(context), graph_(context.engine().model().graph), options_(options) {}
  void before(const StepView&) override { timer_ = Timer(); }
  void after(const StepView& step) override {
    if (options_.on_step) options_.on_step(describe(step, timer_.seconds()));
    if (options_.progress) options_.progress(step.index + 1, step.count);
  }

 private:
  StepTime describe(const StepView& step, double seconds) {
    StepTime time{.seconds = seconds};
    for (const Node* node : nodes_of(graph_, step)) {
      time.nodes.push_back(node->name);
      time.ops += (time.ops.empty() ? "" : "+") + node->op_type;
    }
    time.kernel = step.scheduled ? done_by(*step.scheduled) : "reference";
    if (step.scheduled && step.scheduled->is_sequel()) time.ops = ops_of(graph_, step.scheduled->machine->group);
    const bool is_work = step.scheduled && step.scheduled->work;
    time.threads = is_work ? step.scheduled->parts : 0;
    if (const auto cost = step_cost(graph_, facts(), step)) {
      time.is_counted = true;
      time.flops = cost->flops;
      time.bytes = cost->bytes_read + cost->bytes_written;
    }
    return time;
  }

  const Facts& facts() {
    if (facts_.empty()) {
      Diagnostics ignored(Diagnostics::Mode::collect);
      facts_ = infer_facts(context_.engine(), context_.latest_plan()->inputs, ignored);
    }
    return facts_;
  }

  const Context& context_;
  const Graph& graph_;
  const RunOptions& options_;
  Facts facts_;  ///< of the plan, which does not keep them
  Timer timer_;
};

Value owned_copy(const Sequence& sequence, bool shared) {
  Sequence copy{.items = {}, .dtype = sequence.dtype};
  for (const Value& item : sequence.items) {
    if (item.is_sequence()) {
      copy.items.push_back(owned_copy(item.sequence(), shared));
    } else if (item.is_tensor() && (shared || !item.tensor().is_unique())) {
      copy.items.emplace_back(item.tensor().clone());
    } else {
      copy.items.push_back(item);
    }
  }
  return copy;
}

/// A result must not share its elements with an input, a weight or another result, for its owner may write to it.
void make_owned(Value& result, const Session::Feeds& feeds) {
  if (result.is_tensor()) {
    if (!result.tensor().is_unique()) result = result.tensor().clone();
  } else if (result.is_sequence()) {
    const Sequence* sequence = &result.sequence();
    const bool shared = std::any_of(feeds.begin(), feeds.end(), [&](const auto& feed) {
      return feed.second.is_sequence() && &feed.second.sequence() == sequence;
    });
    result = owned_copy(*sequence, shared);
  }
}

}  // namespace

void set_threads(int count) {
  threads_knob.set(count);
  default_pool().resize(wanted_threads());
}
int threads() { return default_pool().threads(); }

struct Session::Impl final : IdleWatch::Client {
  using Clock = IdleWatch::Clock;
  struct Idle {
    std::unique_ptr<Context> context;
    Clock::time_point since;
  };

  std::shared_ptr<const EngineDef> engine;
  ContextOptions options;
  ModelInfo info;
  std::vector<PortInfo> inputs, outputs;

  mutable std::mutex mutex;
  std::vector<Idle> idle;  ///< one for each run that was ever under way at the same time
  bool is_watched = false;

  ~Impl() override { IdleWatch::of_process().forget(*this); }

  std::unique_ptr<Context> take() {
    const std::scoped_lock lock(mutex);
    std::unique_ptr<Context> context;
    if (idle.empty()) {
      context = std::make_unique<Context>(engine, options);
    } else {
      context = std::move(idle.back().context);
      idle.pop_back();
    }
    context->set_max_memory(options.max_memory);
    return context;
  }
  void give(std::unique_ptr<Context> context) {
    const std::chrono::milliseconds wait(idle_memory_ms.get());
    const Clock::time_point now = Clock::now();
    {
      const std::scoped_lock lock(mutex);
      idle.push_back({std::move(context), now});
      if (wait.count() == 0 || (is_watched && IdleWatch::of_process().is_running())) return;
      is_watched = true;
    }
    // Outside of the lock: the watch asks for it while it holds its own.
    try {
      IdleWatch::of_process().watch(*this, now + wait);
    } catch (const std::exception&) {  // no thread can be had: memory stays until trim()
      const std::scoped_lock lock(mutex);
      is_watched = false;
    }
  }

  std::optional<Clock::time_point> release_idle(Clock::time_point now) override {
    const std::chrono::milliseconds wait(idle_memory_ms.get());
    const std::scoped_lock lock(mutex);
    std::optional<Clock::time_point> next;
    for (const Idle& one : idle) {
      if (wait.count() == 0) break;
      if (one.since + wait <= now) {
        one.context->release_memory();
      } else {
        next = std::min(next.value_or(one.since + wait), one.since + wait);
      }
    }
    is_watched = next.has_value();
    return next;
  }

  /// A context for one run.
  class Lease {
   public:
    explicit Lease(Impl& from) : from_(from), context_(from.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { from_.give(std::move(context_)); }
    Context* operator->() const { return context_.get(); }
    Context& operator*() const { return *context_; }

   private:
    Impl& from_;
    std::unique_ptr<Context> context_;
  };

  std::vector<size_t> find_outputs(const std::vector<std::string>& names) const {
    std::vector<size_t> indices;
    if (names.empty()) {
      for (size_t i = 0; i < outputs.size(); ++i) indices.push_back(i);
    }
    for (const std::string& name : names) {
      size_t index = 0;
      while (index < outputs.size() && outputs[index].name != name) ++index;
      if (index == outputs.size()) fail(ErrorCode::invalid_argument, "the model has no output '{}'", name);
      indices.push_back(index);
    }
    return indices;
  }
};

namespace {

ContextOptions context_options(const SessionOptions& options) {
  if (options.max_memory < 0) {
    fail(ErrorCode::invalid_argument, "max_memory: found {}, expected 0 or more bytes", options.max_memory);
  }
  return {
      .seed = options.seed, .threads = options.threads, .max_memory = options.max_memory, .on_note = options.on_note};
}

}  // namespace

Session::Session(Model model, const SessionOptions& options) : impl_(std::make_unique<Impl>()) {
  ModelImpl& source = *model.impl_;
  impl_->info = std::move(source.info);
  impl_->inputs = std::move(source.inputs);
  impl_->outputs = std::move(source.outputs);
  if (options.optimize && optimize_models.get()) {
    optimize(source.definition);
    impl_->engine = EngineDef::create(std::move(source.definition), [&](const EngineDef& e) {
      return build_machine(e, {.tune = session_tune_knob.get(), .threads = options.threads});
    });
  } else {
    impl_->engine = EngineDef::create(std::move(source.definition));
  }
  impl_->options = context_options(options);
  // What was packed, copied or looked at once is of no more use there; the rest comes back when it is touched.
  for (const auto& file : source.files) file->advise(Advice::dont_need);
}

Session::Session(const Engine& engine, const SessionOptions& options) : impl_(std::make_unique<Impl>()) {
  const EngineImpl& source = *engine.impl_;
  impl_->info = source.info;
  impl_->inputs = source.inputs;
  impl_->outputs = source.outputs;
  impl_->engine = source.engine;
  impl_->options = context_options(options);
}

Session Session::load(const std::string& path, const SessionOptions& options, const LoadOptions& model) {
  if (Engine::is_engine_file(path)) return Session(Engine::load(path), options);
  return Session(Model::load(path, model), options);
}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const ModelInfo& Session::info() const { return impl_->info; }
const std::vector<PortInfo>& Session::inputs() const { return impl_->inputs; }
const std::vector<PortInfo>& Session::outputs() const { return impl_->outputs; }

namespace {

StepOptions step_options(const RunOptions& options, CallerObserver& observer) {
  return {.cancel = options.cancel,
          .interrupted = options.interrupted,
          .observer = options.progress || options.on_step ? &observer : nullptr};
}

}  // namespace

std::vector<Value> Session::run(const Feeds& feeds, const std::vector<std::string>& outputs,
                                const RunOptions& options) {
  const std::vector<size_t> wanted = impl_->find_outputs(outputs);
  std::vector<Feed> given;
  for (const auto& [name, value] : feeds) given.push_back({name, value});
  const Impl::Lease context(*impl_);
  CallerObserver observer(*context, options);
  std::vector<Value> results = context->run(given, wanted, step_options(options, observer), options.into);
  for (size_t i = 0; i < results.size(); ++i) {
    const bool is_given = i < options.into.size() && options.into[i].defined();
    if (!is_given) make_owned(results[i], feeds);
  }
  return results;
}

void Session::run_into(const Feeds& feeds, const Targets& targets, const RunOptions& options) {
  const Impl::Lease context(*impl_);
  CallerObserver observer(*context, options);
  context->run_into(feeds, targets, step_options(options, observer));
}

SessionMemory Session::memory() const {
  SessionMemory memory;
  for (const Value& constant : impl_->engine->program().constants) {
    if (constant.is_tensor()) memory.weight_bytes += static_cast<int64_t>(constant.tensor().bytes());
  }
  if (const Machine* machine = impl_->engine->machine()) memory.packed_bytes = machine->packed_bytes();
  const std::scoped_lock lock(impl_->mutex);
  for (const Impl::Idle& one : impl_->idle) {
    const ContextMemory held = one.context->memory();
    memory.arena_bytes += held.arena_bytes;
    memory.kept_bytes += held.kept_bytes;
    memory.plan_bytes += held.plan_bytes;
    memory.plans += static_cast<int64_t>(held.plans);
    memory.plans_made += held.plans_made;
    memory.plan_seconds += held.plan_seconds;
    ++memory.contexts;
  }
  const Plan* const plan = impl_->idle.empty() ? nullptr : impl_->idle.back().context->latest_plan();
  if (plan != nullptr && plan->schedule) {
    const Schedule& schedule = *plan->schedule;
    memory.latest = {schedule.arena_bytes, schedule.arena_lower_bound, schedule.scratch_bytes, plan->output_bytes};
  }
  return memory;
}

void Session::set_max_memory(int64_t bytes) {
  if (bytes < 0) fail(ErrorCode::invalid_argument, "max_memory: found {}, expected 0 or more bytes", bytes);
  const std::scoped_lock lock(impl_->mutex);
  impl_->options.max_memory = bytes;
}

void Session::trim() {
  const std::scoped_lock lock(impl_->mutex);
  for (const Impl::Idle& one : impl_->idle) one.context->trim();
}

}  // namespace kiln
