#pragma once

#include <set>

#include "kernels/reference.hpp"
#include "tactics/tactic.hpp"

/// What tests of tactics share: a node on its own, done by every tactic that takes it and by its reference code.
namespace kiln::tactic_test {

using namespace kernel_test;

struct NodeCase {
  std::string op_type;
  int opset = 22;
  std::vector<Tensor> inputs;  ///< not defined: left out
  Attributes attributes;
  std::vector<bool> outputs{true};  ///< which ones are wanted
  std::set<size_t> constants;       ///< inputs that are known before the run
  double tolerance = 2e-5;
};

inline TensorSpec spec_of(const Tensor& tensor, bool constant) {
  if (!tensor.defined()) return {};
  return {tensor.dtype(), tensor.shape(), constant ? &tensor : nullptr};
}

/// How one tactic does the case, compared with the expected outputs.
inline void expect_of(const Tactic& tactic, const Problem& problem, const Tuning& tuning, const NodeCase& c,
                      const std::vector<Tensor>& expected) {
  Layouts layouts;
  layouts.inputs.resize(problem.inputs.size()), layouts.outputs.resize(problem.outputs.size());
  const std::unique_ptr<Work> work = tactic.prepare(problem, layouts, tuning);
  std::vector<float> packed;
  if (tactic.packed_floats != nullptr) {
    packed = rubbish(tactic.packed_floats(problem, tuning));
    tactic.pack(problem, tuning, packed.data());
  }
  std::vector<const void*> inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const bool reads = c.inputs[i].defined() && (tactic.packs >> i & 1) == 0;
    inputs.push_back(reads ? c.inputs[i].raw() : nullptr);
  }
  std::vector<Tensor> results;
  std::vector<void*> outputs;
  for (size_t i = 0; i < expected.size(); ++i) {
    results.push_back(c.outputs[i] ? Tensor(DType::f32, expected[i].shape()) : Tensor());
    if (c.outputs[i]) std::fill_n(results[i].mutable_data<float>(), results[i].size(), 1e9f);
    outputs.push_back(c.outputs[i] ? results[i].mutable_raw() : nullptr);
  }
  const int64_t parts = problem.threads;
  std::vector<float> scratch(static_cast<size_t>(work->scratch_floats(parts)), NAN);
  const WorkPointers pointers{inputs.data(), outputs.data(), packed.data(), scratch.data()};
  for (int64_t phase = 0; phase < work->phases(); ++phase) {
    for (int64_t part = parts; part-- > 0;) work->run_part(phase, part, parts, pointers);
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!c.outputs[i]) continue;
    EXPECT_LT(worst_error(results[i], expected[i]), c.tolerance)
        << work->name() << " output " << i << " of shape " << to_string(expected[i].shape());
  }
}

/// Runs the case by every tactic, with every tuning, on every instruction set; returns how many tactics took it.
inline int expect_reference(const NodeCase& c, int threads) {
  Node node = make_node(c.op_type, c.inputs, c.attributes, c.outputs.size());
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    if (!c.outputs[i]) node.outputs[i] = no_value;
  }
  const std::vector<Tensor> expected = run_node(node, c.opset, c.inputs);
  const OpsetImports opsets{{"", c.opset}};
  Group group;
  group.nodes = {0};
  group.inputs = node.inputs, group.outputs = node.outputs;
  Problem problem;
  problem.group = &group;
  problem.nodes = {&node};
  problem.schema = find_schema("", c.op_type, c.opset);
  problem.opsets = &opsets;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    problem.inputs.push_back(spec_of(c.inputs[i], c.constants.contains(i)));
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    problem.outputs.push_back(c.outputs[i] ? spec_of(expected[i], false) : TensorSpec());
  }
  problem.threads = threads;
  int taken = 0;
  for (const Tactic* tactic : tactics_for(node)) {
    if (!tactic->declines(problem).empty()) continue;
    ++taken;
    EXPECT_GT(tactic->cost(problem, tactic->tunings(problem).front()), 0);
    for (const Isa isa : usable_isas()) {
      problem.isa = isa;
      for (const Tuning& tuning : tactic->tunings(problem)) expect_of(*tactic, problem, tuning, c, expected);
    }
  }
  return taken;
}

}  // namespace kiln::tactic_test
