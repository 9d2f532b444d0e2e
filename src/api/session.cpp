#include <algorithm>
#include <mutex>

#include "api/model_impl.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "builder/build.hpp"
#include "passes/optimize.hpp"
#include "passes/passes_knobs.hpp"
#include "runtime/context.hpp"

namespace kiln {
namespace {

/// Tells a caller how far the main graph is.
class ProgressObserver : public RunObserver {
 public:
  explicit ProgressObserver(const std::function<void(size_t, size_t)>& progress) : progress_(progress) {}
  void before(size_t, size_t) override {}
  void after(size_t step, size_t steps) override { progress_(step + 1, steps); }

 private:
  const std::function<void(size_t, size_t)>& progress_;
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

struct Session::Impl {
  std::shared_ptr<const Engine> engine;
  ContextOptions options;
  ModelInfo info;
  std::vector<PortInfo> inputs, outputs;

  std::mutex mutex;
  std::vector<std::unique_ptr<Context>> idle;  ///< one for each run that was ever under way at the same time

  std::unique_ptr<Context> take() {
    const std::scoped_lock lock(mutex);
    if (idle.empty()) return std::make_unique<Context>(engine, options);
    std::unique_ptr<Context> context = std::move(idle.back());
    idle.pop_back();
    return context;
  }
  void give(std::unique_ptr<Context> context) {
    const std::scoped_lock lock(mutex);
    idle.push_back(std::move(context));
  }

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

Session::Session(Model model, const SessionOptions& options) : impl_(std::make_unique<Impl>()) {
  ModelImpl& source = *model.impl_;
  impl_->info = std::move(source.info);
  impl_->inputs = std::move(source.inputs);
  impl_->outputs = std::move(source.outputs);
  if (options.optimize && optimize_models.get()) {
    optimize(source.definition);
    impl_->engine = Engine::create(std::move(source.definition), [](const Engine& e) { return build_machine(e); });
  } else {
    impl_->engine = Engine::create(std::move(source.definition));
  }
  impl_->options.seed = options.seed;
}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const ModelInfo& Session::info() const { return impl_->info; }
const std::vector<PortInfo>& Session::inputs() const { return impl_->inputs; }
const std::vector<PortInfo>& Session::outputs() const { return impl_->outputs; }

std::vector<Value> Session::run(const Feeds& feeds, const std::vector<std::string>& outputs,
                                const RunOptions& options) {
  const std::vector<size_t> wanted = impl_->find_outputs(outputs);
  std::vector<Feed> given;
  for (const auto& [name, value] : feeds) given.push_back({name, value});
  std::unique_ptr<Context> context = impl_->take();
  const auto give_back = [&](Context* used) { impl_->give(std::unique_ptr<Context>(used)); };
  const std::unique_ptr<Context, decltype(give_back)> guard(context.release(), give_back);
  ProgressObserver observer(options.progress);
  std::vector<Value> results = guard->run(given, wanted,
                                          {.cancel = options.cancel,
                                           .interrupted = options.interrupted,
                                           .observer = options.progress ? &observer : nullptr});
  for (Value& result : results) make_owned(result, feeds);
  return results;
}

void Session::trim() {
  const std::scoped_lock lock(impl_->mutex);
  for (const auto& context : impl_->idle) context->trim();
}

}  // namespace kiln
