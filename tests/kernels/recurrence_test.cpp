#include "kernels/reference.hpp"
#include "kernels/rnn/packed_recurrence.hpp"

namespace kiln::kernel_test {
namespace {

std::vector<Tensor> reference(const RecurrentProblem& p, const std::vector<Tensor>& inputs) {
  const bool lstm = p.kind == RecurrentKind::lstm, gru = p.kind == RecurrentKind::gru;
  Attributes attributes{{"direction", std::string(p.directions == 2 ? "bidirectional"
                                                  : p.reverse       ? "reverse"
                                                                    : "forward")},
                        {"layout", int64_t{p.batch_first}}};
  if (p.clip != 0) attributes.push_back({"clip", p.clip});
  if (lstm) attributes.push_back({"input_forget", int64_t{p.input_forget}});
  if (gru) attributes.push_back({"linear_before_reset", int64_t{p.linear_before_reset}});
  if (p.kind == RecurrentKind::rnn_relu) attributes.push_back({"activations", std::vector<std::string>(2, "Relu")});
  return run_node(lstm ? "LSTM" : gru ? "GRU" : "RNN", 22, inputs, attributes, lstm ? 3 : 2);
}

void expect_reference(Philox& rng, const RecurrentProblem& p, int64_t parts) {
  const int64_t width = p.gates() * p.hidden;
  const bool lstm = p.kind == RecurrentKind::lstm;
  const Shape state = p.batch_first ? Shape{p.batch, p.directions, p.hidden} : Shape{p.directions, p.batch, p.hidden};
  const Tensor x =
      random_tensor(rng, p.batch_first ? Shape{p.batch, p.steps, p.input} : Shape{p.steps, p.batch, p.input});
  const Tensor w = random_tensor(rng, {p.directions, width, p.input}, 1 / std::sqrt(p.input));
  const Tensor r = random_tensor(rng, {p.directions, width, p.hidden}, 0.7 / std::sqrt(p.hidden));
  const Tensor b = pick(rng, 0, 3) == 0 ? Tensor() : random_tensor(rng, {p.directions, 2 * width}, 0.3);
  const Tensor h = pick(rng, 0, 1) == 0 ? Tensor() : random_tensor(rng, state);
  const Tensor c = !lstm || pick(rng, 0, 1) == 0 ? Tensor() : random_tensor(rng, state);
  std::vector<Tensor> inputs{x, w, r, b, Tensor(), h};
  if (lstm) inputs.push_back(c);
  const std::vector<Tensor> expected = reference(p, inputs);
  const auto data = [](const Tensor& tensor) { return tensor.defined() ? tensor.data<float>() : nullptr; };
  for (const Isa isa : usable_isas()) {
    const PackedRecurrence kernel(p, isa, parts);
    std::vector<float> packed = rubbish(kernel.packed_floats());
    kernel.pack(data(w), data(r), data(b), packed.data());
    std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)), NAN);
    std::vector<Tensor> outputs;
    for (const Tensor& tensor : expected) outputs.emplace_back(DType::f32, tensor.shape());
    const bool wants_y = pick(rng, 0, 4) != 0;
    const RecurrentPointers pointers{data(x),
                                     packed.data(),
                                     data(h),
                                     data(c),
                                     wants_y ? outputs[0].mutable_data<float>() : nullptr,
                                     outputs[1].mutable_data<float>(),
                                     lstm ? outputs[2].mutable_data<float>() : nullptr};
    for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
      for (int64_t part = parts - 1; part >= 0; --part) kernel.run_part(phase, part, parts, pointers, scratch.data());
    }
    for (size_t i = wants_y ? 0 : 1; i < outputs.size(); ++i) {
      EXPECT_LT(worst_error(outputs[i], expected[i]), 5e-5)
          << kernel.name() << " output " << i << " steps " << p.steps << " batch " << p.batch << " input " << p.input
          << " hidden " << p.hidden << " directions " << p.directions << " reverse " << p.reverse << " batch first "
          << p.batch_first << " clip " << p.clip << " linear " << p.linear_before_reset << " coupled " << p.input_forget
          << " parts " << parts;
    }
  }
}

RecurrentProblem random_problem(Philox& rng, int i) {
  RecurrentProblem p;
  p.kind = static_cast<RecurrentKind>(i % 4);
  p.steps = pick(rng, 1, 9), p.batch = pick(rng, 1, 10);
  p.input = pick(rng, 1, 40), p.hidden = pick(rng, 1, 70);
  p.directions = pick(rng, 1, 2);
  p.reverse = p.directions == 1 && pick(rng, 0, 1) == 1;
  p.batch_first = pick(rng, 0, 1) == 1;
  p.clip = pick(rng, 0, 2) == 0 ? 0.6f : 0.0f;
  p.input_forget = pick(rng, 0, 2) == 0;
  p.linear_before_reset = pick(rng, 0, 1) == 1;
  return p;
}

TEST(PackedRecurrence, EqualsTheReference) {
  Philox rng(61);
  for (int i = 0; i < 200; ++i) {
    const RecurrentProblem p = random_problem(rng, i);
    expect_reference(rng, p, pick(rng, 1, 4));
  }
}

TEST(PackedRecurrence, InputsInPairsEqualTheReference) {
  Philox rng(64);
  for (int i = 0; i < 60; ++i) {
    RecurrentProblem p = random_problem(rng, i);
    p.steps = pick(rng, 1, 12);
    p.input = pick(rng, 48, 130), p.hidden = pick(rng, 16, 70);
    p.paired = true;
    if (i % 20 == 0) p.steps = 300, p.batch = 3;  // in chunks
    EXPECT_TRUE(PackedRecurrence::can_be_paired(p));
    expect_reference(rng, p, pick(rng, 1, 4));
  }
}

TEST(PackedRecurrence, LongSequencesComeInChunks) {
  Philox rng(62);
  for (int i = 0; i < 6; ++i) {
    RecurrentProblem p;
    p.kind = static_cast<RecurrentKind>(i % 3);
    p.steps = 310, p.batch = 5, p.input = 3, p.hidden = 9;
    p.directions = 2;
    p.batch_first = i >= 3;
    expect_reference(rng, p, 1 + i % 3);
  }
}

TEST(PackedRecurrence, ManyHiddenNumbersAreSharedOutStepByStep) {
  Philox rng(63);
  for (int i = 0; i < 4; ++i) {
    RecurrentProblem p;
    p.kind = static_cast<RecurrentKind>(i);
    p.steps = 4, p.input = 8, p.hidden = i < 2 ? 190 : 330;
    p.directions = 1 + i % 2;
    const PackedRecurrence kernel(p, Isa::portable, 3);
    EXPECT_GT(kernel.phases(), p.steps);
    expect_reference(rng, p, 3);
  }
}

}  // namespace
}  // namespace kiln::kernel_test
