#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/thread_pool.hpp"
#include "builder/build.hpp"
#include "check/check_model.hpp"
#include "formats/onnx/limits.hpp"
#include "formats/onnx/reader.hpp"
#include "formats/onnx/tensor_proto.hpp"
#include "passes/optimize.hpp"
#include "runtime/context.hpp"
#include "runtime/engine.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln::fuzz {

/// Limits under which a hostile model may neither take long nor take much memory.
inline void set_small_limits() {
  max_tensor_bytes.set(int64_t{32} << 20);
  max_run_bytes.set(int64_t{128} << 20);
  max_run_ms.set(2000);
  max_expanded_nodes.set(20'000);
  onnx_max_unpacked_bytes.set(int64_t{32} << 20);
  onnx_max_tensor_bytes.set(int64_t{64} << 20);
  onnx_max_string_bytes.set(int64_t{1} << 20);
  threads_knob.set(1);
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Takes the shapes away that a model states for its inputs, so that data of any shape reaches its operators.
inline void loosen_inputs(ModelDef& model) {
  for (ValueInfo& value : model.graph.values) {
    if (!value.type.is_tensor()) continue;
    value.type.shape.reset();
    value.type.dim_denotations.clear();
  }
}

/// A tensor for an input that nothing was given for.
inline Value make_input(const Type& type) {
  if (!type.is_tensor() || type.dtype == DType::undefined) return {};
  Shape shape;
  for (const Dim& dim : type.shape ? *type.shape : SymShape{}) {
    shape.push_back(dim.is_known() ? std::min<int64_t>(dim.value(), 8) : 2);
  }
  if (shape.size() > 8) return {};
  Tensor tensor(type.dtype, shape);
  if (type.dtype != DType::string) {
    const auto* bytes = static_cast<unsigned char*>(tensor.mutable_raw());
    std::fill_n(const_cast<unsigned char*>(bytes), tensor.bytes(), type.dtype == DType::boolean ? 1 : 0);
  }
  return tensor;
}

/// Runs an engine once. Inputs without a value in `values` get one that fits, as far as that can be told.
inline void run_engine(const std::shared_ptr<const EngineDef>& engine, const std::vector<NamedValue>& values) {
  std::vector<Feed> feeds;
  for (const Port& port : engine->inputs()) {
    Value value;
    for (const NamedValue& given : values) {
      if (given.name == port.name) value = given.value;
    }
    if (value.is_none() && !port.optional) value = make_input(port.type);
    if (!value.is_none()) feeds.push_back({port.name, std::move(value)});
  }
  std::vector<size_t> outputs(engine->outputs().size());
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = i;
  Context(engine, {.seed = 1}).run(feeds, outputs);
}

/// The same for a model.
inline void run_model(ModelDef model, const std::vector<NamedValue>& values) {
  run_engine(EngineDef::create(std::move(model)), values);
}

/// The same by the way that a session takes: rewritten, and with the fast code that the rules choose.
inline void run_optimized(ModelDef model, const std::vector<NamedValue>& values) {
  optimize(model);
  run_engine(
      EngineDef::create(std::move(model), [](const EngineDef& e) { return build_machine(e, {.tune = Tune::off}); }),
      values);
}

}  // namespace kiln::fuzz
