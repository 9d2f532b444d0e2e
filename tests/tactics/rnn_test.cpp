#include "tactics/run_tactics.hpp"

namespace kiln::tactic_test {
namespace {

NodeCase random_case(Philox& rng, const std::string& op_type) {
  const int64_t gates = op_type == "LSTM" ? 4 : op_type == "GRU" ? 3 : 1;
  const int64_t steps = pick(rng, 1, 6), batch = pick(rng, 1, 5), hidden = pick(rng, 1, 40);
  const int64_t input = pick(rng, 0, 3) == 0 ? pick(rng, 48, 70) : pick(rng, 1, 20);
  const int64_t direction = pick(rng, 0, 2), directions = direction == 2 ? 2 : 1;
  NodeCase c;
  c.op_type = op_type;
  c.opset = static_cast<int>(pick(rng, 14, 22));
  const bool batch_first = pick(rng, 0, 1) == 1;
  const Shape state = batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  const auto maybe = [&](const Shape& shape) { return pick(rng, 0, 1) == 1 ? random_tensor(rng, shape) : Tensor(); };
  c.inputs = {random_tensor(rng, batch_first ? Shape{batch, steps, input} : Shape{steps, batch, input}),
              random_tensor(rng, {directions, gates * hidden, input}, 1 / std::sqrt(input)),
              random_tensor(rng, {directions, gates * hidden, hidden}, 0.7 / std::sqrt(hidden)),
              maybe({directions, 2 * gates * hidden}),
              Tensor(),
              maybe(state)};
  if (op_type == "LSTM") c.inputs.push_back(maybe(state));
  if (pick(rng, 0, 3) == 0) {
    c.inputs[4] = Tensor::vector(std::vector<int32_t>(static_cast<size_t>(batch), static_cast<int32_t>(steps)));
  }
  c.constants = {1, 2, 3, 4};
  const char* const names[] = {"forward", "reverse", "bidirectional"};
  c.attributes = {{"direction", std::string(names[direction])}, {"layout", int64_t{batch_first}}};
  if (pick(rng, 0, 2) == 0) c.attributes.push_back({"clip", 0.7f});
  if (op_type == "LSTM") c.attributes.push_back({"input_forget", pick(rng, 0, 1)});
  if (op_type == "GRU") c.attributes.push_back({"linear_before_reset", pick(rng, 0, 1)});
  if (op_type == "RNN" && pick(rng, 0, 1) == 1) {
    c.attributes.push_back({"activations", std::vector<std::string>(static_cast<size_t>(directions), "Relu")});
  }
  const int64_t wanted = pick(rng, 1, 7);
  c.outputs = {(wanted & 1) != 0, (wanted & 2) != 0 || wanted == 4};
  if (op_type == "LSTM") c.outputs.push_back((wanted & 4) != 0);
  c.tolerance = 5e-5;
  return c;
}

TEST(RecurrenceTactic, EqualsTheReference) {
  Philox rng(81);
  for (int i = 0; i < 120; ++i) {
    const NodeCase c = random_case(rng, i % 3 == 0 ? "LSTM" : i % 3 == 1 ? "GRU" : "RNN");
    // That with the input's product in pairs does not do small ones.
    EXPECT_GE(expect_reference(c, static_cast<int>(pick(rng, 1, 3))), 1) << c.op_type;
  }
}

TEST(RecurrenceTactic, DeclinesWhatItsKernelDoesNotDo) {
  Philox rng(82);
  const auto declines = [&](auto&& change) {
    NodeCase c = random_case(rng, "LSTM");
    change(c);
    return expect_reference(c, 1) == 0;
  };
  EXPECT_TRUE(declines([](NodeCase& c) { c.constants = {}; }));
  EXPECT_TRUE(declines([&](NodeCase& c) {
    const int64_t directions = c.inputs[2].dim(0), hidden = c.inputs[2].dim(2);
    c.inputs.push_back(random_tensor(rng, {directions, 3 * hidden}));
  }));
  EXPECT_TRUE(declines([](NodeCase& c) {
    c.attributes.push_back(
        {"activations", std::vector<std::string>{"HardSigmoid", "Tanh", "Tanh", "HardSigmoid", "Tanh", "Tanh"}});
  }));
  EXPECT_TRUE(declines([](NodeCase& c) {
    const bool batch_first = std::get<int64_t>(c.attributes[1].second) != 0;
    c.inputs[4] = Tensor::vector(std::vector<int32_t>(static_cast<size_t>(c.inputs[0].dim(batch_first ? 0 : 1)), 0));
  }));
}

/// What is packed for one length of sequences serves all others.
void expect_to_pack_alike(const Tactic& tactic, Philox& rng) {
  const OpsetImports opsets{{"", 22}};
  Group group;
  group.nodes = {0};
  std::vector<std::vector<float>> packed;
  while (packed.empty()) {
    NodeCase c = random_case(rng, "GRU");
    for (const int64_t steps : {1, 3, 700}) {
      const Node node = make_node("GRU", c.inputs, c.attributes, 2);
      Problem problem;
      problem.group = &group;
      problem.nodes = {&node};
      problem.schema = find_schema("", "GRU", 22);
      problem.opsets = &opsets;
      for (size_t i = 0; i < c.inputs.size(); ++i) problem.inputs.push_back(spec_of(c.inputs[i], true));
      Shape& x = problem.inputs[0].shape;
      x[std::get<int64_t>(c.attributes[1].second) != 0 ? 1 : 0] = steps;
      problem.inputs[4] = problem.inputs[5] = {};
      problem.isa = best_isa();
      if (tactic.declines(problem) == "a small matrix") break;
      ASSERT_EQ(tactic.declines(problem), "");
      packed.emplace_back(static_cast<size_t>(tactic.packed_floats(problem, {})), 0.0f);
      tactic.pack(problem, {}, packed.back().data());
      EXPECT_EQ(packed.back(), packed.front()) << steps;
    }
  }
}

TEST(RecurrenceTactic, PacksAlikeForAllLengths) {
  Philox rng(83);
  for (const char* const name : {"recurrence_packed", "recurrence_paired"}) {
    expect_to_pack_alike(*find_tactic(name), rng);
  }
}

}  // namespace
}  // namespace kiln::tactic_test
