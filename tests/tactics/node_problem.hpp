#pragma once

#include "kernels/run_node.hpp"
#include "tactics/tactic.hpp"

namespace kiln::kernel_test {

/// A node alone in its group, with its inputs and what the reference makes of them.
struct NodeProblem {
  Node node;
  Group group;
  OpsetImports opsets;
  std::vector<Tensor> inputs, expected;

  /// The inputs from `first_constant` on are known before the run; an undefined one is left out.
  NodeProblem(const std::string& op_type, std::vector<Tensor> with, const Attributes& attributes,
              size_t output_count = 1, int64_t opset = 23, size_t first_constant = 1)
      : opsets{{"", opset}}, inputs(std::move(with)), first_constant_(first_constant) {
    expected = run_node(op_type, inputs, attributes, output_count, opset);
    node.op_type = op_type;
    for (const auto& attribute : attributes) node.attributes.push_back(make_attribute(attribute));
    for (size_t i = 0; i < inputs.size(); ++i) {
      group.inputs.push_back(inputs[i].defined() ? static_cast<ValueId>(i) : no_value);
    }
    for (size_t i = 0; i < output_count; ++i) group.outputs.push_back(static_cast<ValueId>(inputs.size() + i));
    node.inputs = group.inputs;
    node.outputs = group.outputs;
    group.nodes = {0};
  }

  Problem problem(Isa isa) const {
    Problem p;
    p.group = &group;
    p.nodes = {&node};
    p.schema = find_schema("", node.op_type, opsets.at(""));
    p.opsets = &opsets;
    for (size_t i = 0; i < inputs.size(); ++i) {
      TensorSpec spec;
      if (inputs[i].defined())
        spec = {inputs[i].dtype(), inputs[i].shape(), i < first_constant_ ? nullptr : &inputs[i]};
      p.inputs.push_back(spec);
    }
    for (const Tensor& output : expected) p.outputs.push_back({output.dtype(), output.shape(), nullptr});
    p.isa = isa;
    return p;
  }

 private:
  size_t first_constant_;
};

/// A tensor in one of the formats, with rubbish where nothing is.
class FormattedBuffer {
 public:
  FormattedBuffer(Philox& rng, const Tensor& like, Format format, Isa isa, Halo halo) : tensor_(like) {
    layout.format = format;
    if (format == Format::plain) {
      tensor_ = Tensor(like.dtype(), like.shape());
      for (size_t i = 0; i < tensor_.bytes(); ++i) static_cast<uint8_t*>(tensor_.mutable_raw())[i] = 0x5b;
      return;
    }
    const int64_t h = like.rank() == 4 ? like.dim(2) : 1;
    image_ = Tensor(DType::f32, {like.dim(0), like.dim(1), h, like.dim(-1)});
    blocked_ = std::make_unique<BlockedBuffer>(rng, image_, isa);
    const bool covered = larger(blocked_->layout.halo, halo) == blocked_->layout.halo;
    if (!covered) blocked_ = std::make_unique<BlockedBuffer>(image_, isa, halo);
    layout.blocked = blocked_->layout;
  }
  void set(const Tensor& x) {
    if (blocked_ == nullptr) {
      tensor_ = x;
    } else {
      blocked_->set(x.reshaped(image_.shape()));
    }
  }
  Tensor get() const { return blocked_ == nullptr ? tensor_ : blocked_->get().reshaped(tensor_.shape()); }
  void* data() { return blocked_ == nullptr ? tensor_.mutable_raw() : blocked_->data(); }
  const void* constant_data() { return blocked_ == nullptr ? tensor_.raw() : blocked_->data(); }

  TensorLayout layout;

 private:
  Tensor tensor_, image_;
  std::unique_ptr<BlockedBuffer> blocked_;
};

inline void expect_equal(const Tensor& actual, const Tensor& expected, double tolerance, const std::string& what) {
  if (expected.dtype() == DType::f32) {
    EXPECT_LE(worst_difference(actual, expected), tolerance) << what;
    return;
  }
  ASSERT_EQ(expected.dtype(), DType::i64);
  const auto a = actual.elements<int64_t>(), e = expected.elements<int64_t>();
  EXPECT_EQ(std::vector<int64_t>(a.begin(), a.end()), std::vector<int64_t>(e.begin(), e.end())) << what;
}

/// Runs a tactic in one combination of formats, in random layouts.
inline void run_tactic(Philox& rng, const NodeProblem& test, const Tactic& tactic, const Problem& p,
                       const Formats& formats, double tolerance) {
  Layouts layouts;
  std::vector<FormattedBuffer> inputs, outputs;
  std::vector<const void*> from;
  std::vector<void*> to;
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    const bool reads = test.inputs[i].defined() && (tactic.packs >> i & 1) == 0;
    const Halo halo = tactic.halo != nullptr && reads ? tactic.halo(p, i) : Halo();
    inputs.emplace_back(rng, reads ? test.inputs[i] : Tensor(DType::f32, {}), formats.inputs[i], p.isa, halo);
    if (reads) inputs.back().set(test.inputs[i]);
    layouts.inputs.push_back(inputs.back().layout);
    from.push_back(reads ? inputs.back().constant_data() : nullptr);
  }
  for (size_t i = 0; i < test.expected.size(); ++i) {
    outputs.emplace_back(rng, test.expected[i], formats.outputs[i], p.isa, 0);
    layouts.outputs.push_back(outputs.back().layout);
    to.push_back(outputs.back().data());
  }
  for (const Tuning& tuning : tactic.tunings(p)) {
    EXPECT_GT(tactic.cost(p, tuning), 0);
    std::vector<float> packed = rubbish(tactic.packed_floats != nullptr ? tactic.packed_floats(p, tuning) : 0);
    if (tactic.pack != nullptr) tactic.pack(p, tuning, packed.data());
    const std::unique_ptr<Work> work = tactic.prepare(p, layouts, tuning);
    const int64_t parts = pick(rng, 1, 3);
    std::vector<float> scratch(static_cast<size_t>(work->scratch_floats(parts)), NAN);
    const WorkPointers pointers{from.data(), to.data(), packed.data(), scratch.data()};
    for (int64_t phase = 0; phase < work->phases(); ++phase) {
      for (int64_t part = 0; part < parts; ++part) work->run_part(phase, part, parts, pointers);
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      expect_equal(outputs[i].get(), test.expected[i], tolerance,
                   fmt::format("{} of {} {}", work->name(), test.node.op_type, to_string(test.inputs[0].shape())));
    }
  }
}

/// Runs all tactics that can do the node, in all their formats and instruction sets; returns how many that were.
inline int run_tactics(Philox& rng, const NodeProblem& test, double tolerance) {
  int count = 0;
  for (const Isa isa : usable_isas()) {
    const Problem p = test.problem(isa);
    for (const Tactic* tactic : tactics_for(test.node)) {
      EXPECT_EQ(find_tactic(tactic->name), tactic);
      if (!tactic->declines(p).empty()) continue;
      for (const Formats& formats : tactic->formats(p)) run_tactic(rng, test, *tactic, p, formats, tolerance);
      ++count;
    }
  }
  return count;
}

/// What the first tactic of the node says against it.
inline std::string decline_of(const NodeProblem& test) {
  return tactics_for(test.node).front()->declines(test.problem(Isa::portable));
}

}  // namespace kiln::kernel_test
