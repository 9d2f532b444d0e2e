#include "runtime/executor.hpp"

#include <new>
#include <stdexcept>

#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "runtime/plan.hpp"
#include "runtime/runtime_knobs.hpp"
#include "runtime/verify.hpp"

namespace kiln {
namespace {

/// Values up to this size are shown to type inference during a run: they may be shapes.
constexpr int64_t largest_shown = 1024;

}  // namespace

/// The values of one graph while it runs.
struct Executor::Frame {
  const Program& program;
  Frame* outer;
  const Facts* facts;
  std::vector<Value> values;

  Frame(const Program& program_, Frame* outer_, const Facts* facts_)
      : program(program_), outer(outer_), facts(facts_), values(program_.graph->values.size()) {}

  Surrounding describe() const {
    Surrounding here{program.graph, program.opsets, Facts(values.size())};
    for (size_t i = 0; i < values.size(); ++i) {
      const Value& value = values[i].is_none() ? program.constants[i] : values[i];
      here.facts[i].type = type_of(value);
      if (value.is_tensor() && value.tensor().size() <= largest_shown) here.facts[i].constant = value.tensor();
    }
    return here;
  }

  const Value& read(const ValueSource& source) const {
    const Frame* frame = this;
    for (int i = 0; i < source.depth; ++i) frame = frame->outer;
    const auto index = static_cast<size_t>(source.id);
    const Value& value = frame->values[index];
    return value.is_none() ? frame->program.constants[index] : value;
  }
};

class Executor::Host : public EvalHost {
 public:
  Host(Executor& executor, Frame& frame) : executor_(executor), frame_(frame) {}

  Tensor allocate(DType dtype, Shape shape) override { return executor_.allocate(dtype, std::move(shape)); }
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) override {
    executor_.threads_.parallel_for(count, grain, body);
  }
  std::vector<Value> run_graph(const Graph& graph, std::span<const Value> inputs) override {
    const auto subgraph = frame_.program.subgraphs.find(&graph);
    if (subgraph == frame_.program.subgraphs.end()) fail(ErrorCode::internal, "a subgraph was not compiled");
    Frame inner(*subgraph->second, &frame_, nullptr);
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

std::vector<Value> Executor::run(const Program& program, std::span<const Value> inputs, const Facts* facts) {
  Frame frame(program, nullptr, facts);
  return run_frame(frame, inputs);
}

void Executor::check_cancelled() const {
  const bool is_set = options_.cancel && options_.cancel->load(std::memory_order_relaxed);
  if (is_set || (options_.interrupted && options_.interrupted())) {
    fail(ErrorCode::cancelled, "the run was stopped because the caller asked for it");
  }
  if (deadline_ != std::chrono::steady_clock::time_point::max() && std::chrono::steady_clock::now() > deadline_) {
    fail(ErrorCode::limit_exceeded, "the run takes longer than {} ms (knob max_run_ms)", max_run_ms.get());
  }
}

Tensor Executor::allocate(DType dtype, Shape shape) {
  check_tensor_limit(dtype, shape);
  const auto bytes = element_count(shape) * static_cast<int64_t>(dtype_size(dtype));
  const int64_t limit = max_run_bytes.get(), used = static_cast<int64_t>(buffers_.bytes_used());
  if (bytes > limit - used) {
    fail(ErrorCode::limit_exceeded,
         "a tensor of {} {} and the {} bytes held already are more than {} bytes (knob "
         "max_run_bytes)",
         dtype_name(dtype), to_string(shape), used, limit);
  }
  return buffers_.allocate(dtype, std::move(shape));
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
  for (const Step& step : frame.program.steps) {
    check_cancelled();
    run_step(frame, step);
    for (ValueId id : step.releases) frame.values[static_cast<size_t>(id)] = Value();
  }
  std::vector<Value> results;
  for (const ValueSource& source : frame.program.outputs) {
    results.push_back(source.id == no_value ? Value() : frame.read(source));
  }
  return results;
}

void Executor::run_step(Frame& frame, const Step& step) {
  if (options_.observer) options_.observer->before(frame.program, step);
  std::vector<Value> outputs(step.node->outputs.size());
  try {
    std::vector<const Value*> inputs;
    for (const ValueSource& source : step.inputs) {
      inputs.push_back(source.id == no_value ? nullptr : &frame.read(source));
    }
    if (step.function) {
      std::vector<Value> values;
      for (const Value* input : inputs) values.push_back(input ? *input : Value());
      Frame body(*step.function, nullptr, nullptr);
      outputs = run_frame(body, values);
      outputs.resize(step.node->outputs.size());
    } else {
      step.types->check(inputs);
      Host host(*this, frame);
      EvalContext context(*step.node, *step.schema, *frame.program.opsets, host, inputs, outputs);
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
  if (options_.observer) options_.observer->after(frame.program, step, outputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ValueId id = step.node->outputs[i];
    if (id != no_value) frame.values[static_cast<size_t>(id)] = std::move(outputs[i]);
  }
}

}  // namespace kiln
