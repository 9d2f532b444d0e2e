#include "tactics/run_tactics.hpp"

namespace kiln::tactic_test {
namespace {

/// Runs a tactic in one of its combinations of formats; the layouts have the halo that it asks for, and at times more.
void expect_formats(const Tactic& tactic, const Problem& problem, const Formats& formats, const Tuning& tuning,
                    const std::vector<Tensor>& inputs, const Tensor& expected, Philox& rng) {
  Layouts layouts;
  TensorLayout to{formats.outputs[0], {}};
  if (to.format == Format::blocked) to.blocked = blocked_layout(expected.shape(), problem.isa, random_halo(rng, 0, 2));
  std::vector<std::vector<float>> blocked(inputs.size());
  std::vector<const void*> in;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TensorLayout layout{formats.inputs[i], {}};
    const bool reads = inputs[i].defined() && (tactic.packs >> i & 1) == 0;
    if (reads && layout.format == Format::blocked) {
      const Halo halo = tactic.halo == nullptr ? Halo() : tactic.halo(problem, i), more = random_halo(rng, 0, 1);
      layout.blocked = blocked_layout(inputs[i].shape(), problem.isa, Halo(halo.h + more.h, halo.w + more.w));
      if (i == 3) layout.blocked = to.blocked;  // a residual lies as the output does
      blocked[i] = to_blocked(inputs[i], layout.blocked);
    }
    in.push_back(!reads ? nullptr : blocked[i].empty() ? inputs[i].raw() : blocked[i].data());
    layouts.inputs.push_back(layout);
  }
  Tensor actual(DType::f32, expected.shape());
  std::vector<float> blocked_out;
  if (to.format == Format::blocked) blocked_out = rubbish(to.blocked.floats());
  std::fill_n(actual.mutable_data<float>(), actual.size(), 1e9f);
  layouts.outputs = {to};
  void* out[] = {blocked_out.empty() ? actual.mutable_raw() : blocked_out.data()};
  const std::unique_ptr<Work> work = tactic.prepare(problem, layouts, tuning);
  std::vector<float> packed = rubbish(tactic.packed_floats(problem, tuning));
  tactic.pack(problem, tuning, packed.data());
  const int64_t parts = problem.threads;
  std::vector<float> scratch(static_cast<size_t>(work->scratch_floats(parts)), NAN);
  const WorkPointers pointers{in.data(), out, packed.data(), scratch.data()};
  for (int64_t phase = 0; phase < work->phases(); ++phase) {
    for (int64_t part = parts; part-- > 0;) work->run_part(phase, part, parts, pointers);
  }
  if (to.format == Format::blocked) actual = from_blocked(blocked_out, to.blocked);
  EXPECT_LT(worst_error(actual, expected), tactic.approximates ? 5e-5 : 2e-5)
      << work->name() << " " << to_string(inputs[0].shape()) << " " << to_string(inputs[1].shape()) << " "
      << (tactic.describe == nullptr ? "" : tactic.describe(tuning));
}

/// Every tactic that takes the node, in all its formats, with a few of its tunings; returns their names.
std::set<std::string> expect_tactics(const std::string& op_type, const ConvCase& test, const Attributes& attributes,
                                     Philox& rng) {
  const Epilogue& epilogue = test.problem.epilogue;
  std::vector<Tensor> inputs{test.x, test.w, test.b};
  Group group;
  group.nodes = {0}, group.inputs = {0, 1, 2}, group.outputs = {9};
  group.epilogue = epilogue;
  if (epilogue.residual != Residual::none) {
    inputs.push_back(test.residual);
    group.inputs.push_back(3);
    group.residual = 3;
  }
  const Node node = make_node(op_type, {test.x, test.w, test.b}, attributes, 1);
  const OpsetImports opsets{{"", 22}};
  Problem problem;
  problem.group = &group;
  problem.nodes = {&node};
  problem.schema = find_schema("", op_type, 22);
  problem.opsets = &opsets;
  for (size_t i = 0; i < inputs.size(); ++i) problem.inputs.push_back(spec_of(inputs[i], i == 1 || i == 2));
  problem.outputs.push_back(spec_of(test.expected, false));
  problem.threads = static_cast<int>(pick(rng, 1, 3));
  std::set<std::string> taken;
  for (const Tactic* tactic : tactics_for(node)) {
    for (const Isa isa : usable_isas()) {
      problem.isa = isa;
      if (!tactic->declines(problem).empty()) continue;
      taken.emplace(tactic->name);
      if (test.x.rank() == 3 && tactic->halo != nullptr) {
        EXPECT_EQ(tactic->halo(problem, 0).h, 0) << tactic->name << " of signals";
      }
      const std::vector<Tuning> tunings = tactic->tunings(problem);
      EXPECT_GT(tactic->cost(problem, tunings.front()), 0);
      for (const Formats& formats : tactic->formats(problem)) {
        for (const size_t i : {size_t{0}, static_cast<size_t>(rng.below(tunings.size()))}) {
          expect_formats(*tactic, problem, formats, tunings[i], inputs, test.expected, rng);
        }
      }
    }
  }
  return taken;
}

TEST(ConvTactics, TransposedEqualTheReference) {
  Philox rng(31);
  std::set<std::string> taken;
  for (int i = 0; i < 40; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 1, 40), p.channels_out = pick(rng, 1, 40);
    p.height = pick(rng, 2, 12), p.width = pick(rng, 2, 12);
    p.kernel_h = pick(rng, 2, 4), p.kernel_w = pick(rng, 2, 4);
    p.stride_h = p.stride_w = 2;
    p.epilogue = random_epilogue(rng);
    if (i % 3 != 0) {
      p.pad_top = pick(rng, 0, 1), p.pad_left = pick(rng, 0, 1);
      p.pad_bottom = pick(rng, 0, 1), p.pad_right = pick(rng, 0, 1);
    } else {
      p.channels_out = pick(rng, 1, 7);
      p.stride_h = p.kernel_h, p.stride_w = p.kernel_w;
      p.epilogue.residual = Residual::none;
    }
    const Attributes attributes{{"pads", std::vector{p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}},
                                {"strides", std::vector{p.stride_h, p.stride_w}}};
    taken.merge(expect_tactics("ConvTranspose", ConvCase(rng, p, true), attributes, rng));
  }
  EXPECT_EQ(taken, (std::set<std::string>{"conv_transposed", "conv_transposed_narrow", "conv_transposed_winograd"}));
}

TEST(ConvTactics, FewOutputsEqualTheReference) {
  Philox rng(35);
  std::set<std::string> taken;
  for (int i = 0; i < 40; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 8, 40), p.channels_out = pick(rng, 1, 4);
    p.height = pick(rng, 6, 14), p.width = pick(rng, 6, 40);
    p.kernel_h = pick(rng, 1, 5), p.kernel_w = pick(rng, 1, 5);
    p.stride_h = pick(rng, 1, 2), p.stride_w = pick(rng, 1, 2);
    p.pad_top = pick(rng, 0, 2), p.pad_left = pick(rng, 0, 2);
    p.pad_bottom = pick(rng, 0, 2), p.pad_right = pick(rng, 0, 2);
    p.epilogue = random_epilogue(rng);
    if (i % 4 != 0) p.epilogue.residual = Residual::none;
    const Attributes attributes{{"pads", std::vector{p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}},
                                {"strides", std::vector{p.stride_h, p.stride_w}}};
    taken.merge(expect_tactics("Conv", ConvCase(rng, p), attributes, rng));
  }
  EXPECT_TRUE(taken.contains("conv_narrow"));
}

TEST(ConvTactics, ThreeByThreeEqualTheReference) {
  Philox rng(32);
  std::set<std::string> taken;
  for (int i = 0; i < 24; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 5, 40), p.channels_out = pick(rng, 5, 40);
    p.height = pick(rng, 3, 24), p.width = pick(rng, 3, 24);
    p.kernel_h = p.kernel_w = 3;
    p.stride_h = p.stride_w = pick(rng, 1, 2);
    p.pad_top = pick(rng, 0, 2), p.pad_left = pick(rng, 0, 2);
    p.pad_bottom = pick(rng, 0, 2), p.pad_right = pick(rng, 0, 2);
    p.epilogue = random_epilogue(rng);
    const Attributes attributes{{"pads", std::vector{p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}},
                                {"strides", std::vector{p.stride_h, p.stride_w}}};
    taken.merge(expect_tactics("Conv", ConvCase(rng, p), attributes, rng));
  }
  EXPECT_EQ(taken, (std::set<std::string>{"conv_direct", "conv_winograd"}));
}

TEST(ConvTactics, SignalsEqualTheReference) {
  Philox rng(33);
  std::set<std::string> taken;
  for (int i = 0; i < 60; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 1, 70), p.channels_out = pick(rng, 1, 70);
    if (i % 3 == 0) p.group = p.channels_out = p.channels_in;
    const bool narrow = i % 6 == 5;
    if (narrow) p.channels_in = pick(rng, 8, 40), p.channels_out = pick(rng, 1, 3);
    p.height = p.kernel_h = 1;
    p.kernel_w = i % 3 == 1 ? 1 : pick(rng, 2, 5);
    p.stride_w = pick(rng, 1, 2), p.dilation_w = pick(rng, 1, 16);
    p.width = pick(rng, p.span_w(), 300);
    if (p.kernel_w > 1) p.pad_left = pick(rng, 0, 20), p.pad_right = pick(rng, 0, 20);
    p.epilogue = random_epilogue(rng);
    if (narrow) p.epilogue.residual = Residual::none;
    ConvCase test(rng, p);
    for (Tensor* tensor : {&test.x, &test.w, &test.residual, &test.expected}) {
      if (tensor->defined()) *tensor = tensor->reshaped({tensor->dim(0), tensor->dim(1), tensor->dim(3)});
    }
    const Attributes attributes{{"pads", std::vector{p.pad_left, p.pad_right}},
                                {"strides", std::vector{p.stride_w}},
                                {"dilations", std::vector{p.dilation_w}},
                                {"group", p.group}};
    taken.merge(expect_tactics("Conv", test, attributes, rng));
  }
  EXPECT_EQ(taken,
            (std::set<std::string>{"conv_depthwise", "conv_direct", "conv_first", "conv_narrow", "conv_paired"}));
}

}  // namespace
}  // namespace kiln::tactic_test
