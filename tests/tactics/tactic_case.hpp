#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernels/reference.hpp"
#include "tactics/tactic.hpp"

/// What property tests of tactics share: a node with random inputs and its reference result, and a run of any tactic
/// on it in any formats.
namespace kiln::tactic_test {

using kernel_test::pick;

inline Attribute ints_attribute(std::string name, std::vector<int64_t> values) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::ints;
  attribute.data = std::move(values);
  return attribute;
}
inline Attribute int_attribute(std::string name, int64_t value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::int_;
  attribute.data = value;
  return attribute;
}
inline Attribute string_attribute(std::string name, std::string value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::string;
  attribute.data = std::move(value);
  return attribute;
}

/// Elements of any bits; booleans are 0 and 1.
inline Tensor random_bits(Philox& rng, DType dtype, Shape shape) {
  if (dtype == DType::f32) return kernel_test::random_tensor(rng, std::move(shape));
  Tensor tensor(dtype, std::move(shape));
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (size_t i = 0; i < tensor.bytes(); ++i) {
    bytes[i] = static_cast<uint8_t>(rng.below(dtype == DType::boolean ? 2 : 256));
  }
  return tensor;
}

struct Input {
  Tensor tensor;  ///< not defined where it is left out
  bool constant = false;
};

/// A node alone in its group.
class TacticCase {
 public:
  TacticCase(std::string op_type, std::vector<Input> inputs, std::vector<Attribute> attributes, size_t outputs = 1,
             int opset = 22)
      : opsets_{{"", opset}}, inputs_(std::move(inputs)) {
    node_.op_type = std::move(op_type);
    node_.attributes = std::move(attributes);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      node_.inputs.push_back(inputs_[i].tensor.defined() ? static_cast<ValueId>(i) : no_value);
    }
    for (size_t i = 0; i < outputs; ++i) node_.outputs.push_back(static_cast<ValueId>(100 + i));
    std::vector<Value> values(inputs_.size());
    std::vector<const Value*> pointers(inputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].tensor.defined()) continue;
      values[i] = inputs_[i].tensor;
      pointers[i] = &values[i];
    }
    kernel_test::SerialHost host;
    std::vector<Value> results(outputs);
    EvalContext context(node_, *find_schema("", node_.op_type, opset), opsets_, host, pointers, results);
    find_op("", node_.op_type)->eval(context);
    for (Value& value : results) expected_.push_back(value.tensor());
    group_.nodes = {0};
    group_.inputs = node_.inputs;
    group_.outputs = node_.outputs;
  }

  const std::vector<Tensor>& expected() const { return expected_; }

  Problem problem(Isa isa) const {
    Problem p;
    p.group = &group_;
    p.nodes = {&node_};
    p.schema = find_schema("", node_.op_type, opsets_.at(""));
    p.opsets = &opsets_;
    for (const Input& input : inputs_) {
      TensorSpec spec;
      if (input.tensor.defined()) spec = {input.tensor.dtype(), input.tensor.shape(), nullptr};
      if (input.tensor.defined() && input.constant) spec.constant = &input.tensor;
      p.inputs.push_back(std::move(spec));
    }
    for (const Tensor& output : expected_) p.outputs.push_back({output.dtype(), output.shape(), nullptr});
    p.isa = isa;
    p.threads = 2;
    return p;
  }

  /// Runs the tactic in all formats that it offers, in random layouts and parts, and compares the bits. Returns how
  /// many formats there were; none where it declines.
  size_t check(const Tactic& tactic, Philox& rng, Isa isa) const {
    const Problem p = problem(isa);
    if (!tactic.declines(p).empty()) return 0;
    const std::vector<Formats> all = tactic.formats(p);
    for (const Formats& formats : all) {
      const Layouts layouts = random_layouts(p, formats, rng);
      const auto work = tactic.prepare(p, layouts, tactic.tunings(p).front());
      std::string text = work->name();
      for (const TensorSpec& spec : p.inputs) text += " " + to_string(spec.shape);
      for (size_t i = 0; i < formats.inputs.size(); ++i) text += formats.inputs[i] == Format::blocked ? " b" : " p";
      text += " ->";
      for (size_t i = 0; i < formats.outputs.size(); ++i) text += formats.outputs[i] == Format::blocked ? " b" : " p";
      for (const TensorSpec& spec : p.outputs) text += " " + to_string(spec.shape);
      for (const Attribute& a : node_.attributes) {
        if (const auto* list = std::get_if<std::vector<int64_t>>(&a.data)) text += " " + a.name + to_string(*list);
      }
      run(*work, layouts, rng, text);
    }
    EXPECT_FALSE(all.empty());
    EXPECT_GE(tactic.cost(p, {}), 0);
    return all.size();
  }

  /// Whether the work of the tactic says that the inputs' content will not do.
  void check_refuses(const Tactic& tactic, Isa isa) const {
    const Problem p = problem(isa);
    Layouts layouts{std::vector<TensorLayout>(p.inputs.size()), std::vector<TensorLayout>(p.outputs.size())};
    const auto work = tactic.prepare(p, layouts, {});
    std::vector<const void*> inputs;
    for (const Input& input : inputs_) inputs.push_back(input.tensor.defined() ? input.tensor.raw() : nullptr);
    EXPECT_TRUE(work->checks());
    EXPECT_THROW(work->check({inputs.data(), nullptr, nullptr, nullptr}), Error);
  }

 private:
  static Layouts random_layouts(const Problem& p, const Formats& formats, Philox& rng) {
    Layouts layouts;
    const auto lay_out = [&](const TensorSpec& spec, Format format, bool is_output) {
      TensorLayout layout;
      layout.format = format;
      if (format != Format::blocked) return layout;
      layout.blocked = blocked_layout(spec.shape, p.isa, pick(rng, 0, 2));
      if (pick(rng, 0, 2) == 0 && (!is_output || layout.blocked.n == 1)) {
        layout.blocked.image_blocks = layout.blocked.blocks() + pick(rng, 0, 2);
      }
      return layout;
    };
    for (size_t i = 0; i < p.inputs.size(); ++i) {
      layouts.inputs.push_back(lay_out(p.inputs[i], formats.inputs[i], false));
    }
    for (size_t i = 0; i < p.outputs.size(); ++i) {
      layouts.outputs.push_back(lay_out(p.outputs[i], formats.outputs[i], true));
    }
    return layouts;
  }

  void run(const Work& work, const Layouts& layouts, Philox& rng, const std::string& text) const {
    std::vector<std::vector<float>> blocked(inputs_.size()), blocked_out(expected_.size());
    std::vector<Tensor> plain_out;
    std::vector<const void*> inputs(inputs_.size());
    std::vector<void*> outputs(expected_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].tensor.defined()) continue;
      inputs[i] = inputs_[i].tensor.raw();
      if (layouts.inputs[i].format != Format::blocked) continue;
      blocked[i] = kernel_test::to_blocked(inputs_[i].tensor, layouts.inputs[i].blocked);
      inputs[i] = blocked[i].data();
    }
    for (size_t i = 0; i < expected_.size(); ++i) {
      plain_out.emplace_back(expected_[i].dtype(), expected_[i].shape());
      outputs[i] = plain_out[i].mutable_raw();
      if (layouts.outputs[i].format != Format::blocked) {
        if (plain_out[i].bytes() > 0) std::memset(outputs[i], 0xa5, plain_out[i].bytes());
        continue;
      }
      blocked_out[i] = kernel_test::rubbish(layouts.outputs[i].blocked.floats());
      outputs[i] = blocked_out[i].data();
    }
    const int64_t parts = pick(rng, 1, 3);
    std::vector<float> scratch(static_cast<size_t>(work.scratch_floats(parts)));
    const WorkPointers pointers{inputs.data(), outputs.data(), nullptr, scratch.data()};
    work.check(pointers);
    for (int64_t phase = 0; phase < work.phases(); ++phase) {
      for (int64_t part = parts; part-- > 0;) work.run_part(phase, part, parts, pointers);
    }
    for (size_t i = 0; i < expected_.size(); ++i) {
      Tensor actual = plain_out[i];
      if (layouts.outputs[i].format == Format::blocked) {
        const Tensor images = kernel_test::from_blocked(blocked_out[i], layouts.outputs[i].blocked);
        std::memcpy(actual.mutable_raw(), images.raw(), actual.bytes());
      }
      ASSERT_TRUE(actual.bytes() == 0 || std::memcmp(actual.raw(), expected_[i].raw(), actual.bytes()) == 0)
          << text << ", output " << i << ", " << parts << " parts";
    }
  }

  Node node_;
  OpsetImports opsets_;
  std::vector<Input> inputs_;
  Group group_;
  std::vector<Tensor> expected_;
};

}  // namespace kiln::tactic_test
