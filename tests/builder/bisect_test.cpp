#include "builder/bisect.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "builder/build.hpp"
#include "builder/difference.hpp"
#include "builder/inner_results.hpp"
#include "builder/verify_engine.hpp"
#include "passes/model_builder.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

/// Four convolutions, each with a Relu and a BatchNorm-like scale, so that there is something to rewrite.
ModelBuilder example() {
  ModelBuilder builder;
  builder.input("x", {1, 16, 12, 12});
  const Attribute pads{.name = "pads", .type = AttributeType::ints, .data = std::vector<int64_t>{1, 1, 1, 1}};
  std::string from = "x";
  for (const char* at : {"1", "2", "3", "4"}) {
    const std::string n = at;
    builder.constant("w" + n, ramp({16, 16, 3, 3}, 0.1f));
    builder.scalar("s" + n, 1.5f);
    builder.add("Conv", {from, "w" + n}, {"c" + n}, {pads}).name = "conv" + n;
    builder.add("Mul", {"c" + n, "s" + n}, {"m" + n}).name = "scale" + n;
    builder.add("Relu", {"m" + n}, {"r" + n}).name = "relu" + n;
    from = "r" + n;
  }
  builder.output("r4");
  return builder;
}

const std::vector<Feed>& feeds() {
  static const std::vector<Feed> all{{"x", ramp({1, 16, 12, 12})}};
  return all;
}

/// Whether an engine's answers are those of the example's reference code.
constexpr auto is_right = [](const std::shared_ptr<const EngineDef>& engine) {
  static const std::vector<Value> expected = run_all(EngineDef::create(example().model), feeds());
  return difference(expected[0], run_all(engine, feeds())[0], {.of_largest = 1e-3}).within();
};

/// A pass that is wrong: it takes the third Relu for an absolute value.
std::vector<Patch> find_wrongly(GraphView& view) {
  std::vector<Patch> patches;
  for (const Node& node : view.graph().nodes) {
    if (node.name != "relu3") continue;
    Patch& patch = patches.emplace_back();
    patch.what = "spoil Relu 'relu3'";
    patch.remove = {view.index_of(node)};
    Node wrong = node;
    wrong.op_type = "Abs", wrong.name = "spoiled";
    patch.add = {std::move(wrong)};
  }
  return patches;
}

std::vector<Pass> passes_with_a_wrong_one() {
  std::vector<Pass> passes(all_passes().begin(), all_passes().end());
  passes.insert(passes.begin() + static_cast<ptrdiff_t>(passes.size() / 2), {"spoil", "spoils", find_wrongly});
  return passes;
}

/// Adds one to the first element that the real work makes.
class SpoiledWork : public Work {
 public:
  SpoiledWork(std::unique_ptr<Work> work, const TensorLayout& out)
      : work_(std::move(work)), first_(out.format == Format::blocked ? out.blocked.offset(0, 0, 0, 0) : 0) {}
  std::string name() const override { return work_->name(); }
  int64_t scratch_floats(int64_t parts) const override { return work_->scratch_floats(parts); }
  int64_t phases() const override { return work_->phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override {
    work_->run_part(phase, part, parts, p);
    if (phase + 1 == phases() && part == 0) static_cast<float*>(p.outputs[0])[first_] += 1000;
  }

 private:
  std::unique_ptr<Work> work_;
  int64_t first_;
};

const Tactic* real_tactic = nullptr;

std::unique_ptr<Work> prepare_spoiled(const Problem& problem, const Layouts& layouts, const Tuning& tuning) {
  return std::make_unique<SpoiledWork>(real_tactic->prepare(problem, layouts, tuning), layouts.outputs[0]);
}

std::unique_ptr<Work> prepare_spoiled_in_bands(const Problem& problem, const Layouts& layouts, const Tuning& tuning) {
  if (problem.band) return prepare_spoiled(problem, layouts, tuning);
  return real_tactic->prepare(problem, layouts, tuning);
}

/// The example's engine, the step with this node done by a tactic that is wrong.
std::shared_ptr<const EngineDef> engine_spoiled_at(const std::string& name,
                                                   decltype(Tactic::prepare) prepare = prepare_spoiled) {
  ModelDef model = example().model;
  optimize(model);
  return EngineDef::create(std::move(model), [&](const EngineDef& engine) {
    Machine machine = build_machine(engine, {.tune = Tune::off});
    for (MachineStep& step : machine.steps) {
      if (engine.model().graph.nodes[step.group.nodes.front()].name != name) continue;
      static Tactic spoiled;
      real_tactic = step.tactic;
      spoiled = *step.tactic;
      spoiled.name = "spoiled_tactic";
      spoiled.prepare = prepare;
      step.tactic = &spoiled;
    }
    return machine;
  });
}

TEST(Bisect, FindsTheWrongPatch) {
  const std::vector<Pass> passes = passes_with_a_wrong_one();
  const auto blamed = blame_patch(example().model, is_right, {.passes = passes});
  ASSERT_TRUE(blamed);
  EXPECT_EQ(blamed->patch.pass, "spoil");
  EXPECT_EQ(blamed->patch.what, "spoil Relu 'relu3'");
  EXPECT_GT(blamed->number, 1u) << "others come before";
}

TEST(Bisect, BlamesNoRightPatch) { EXPECT_FALSE(blame_patch(example().model, is_right)); }

TEST(Bisect, BlamesNoPatchForAnotherModel) {
  ModelBuilder other = example();
  other.model.graph.initializers[0].tensor = ramp({16, 16, 3, 3}, 0.2f);
  EXPECT_FALSE(blame_patch(other.model, is_right));
}

TEST(Bisect, FindsTheWrongStep) {
  for (const char* name : {"conv1", "conv3", "conv4"}) {
    const auto engine = engine_spoiled_at(name);
    ASSERT_FALSE(is_right(engine)) << name;
    EXPECT_TRUE(is_right(by_reference(*engine))) << name;
    const auto blamed = blame_step(*engine, is_right);
    ASSERT_TRUE(blamed) << name;
    EXPECT_EQ(blamed->node, std::string("node '") + name + "' (Conv)");
    EXPECT_EQ(blamed->ops, "Conv+Relu");
    EXPECT_TRUE(blamed->tactic.starts_with("spoiled_tactic")) << blamed->tactic;
  }
}

TEST(Bisect, BlamesNoRightStep) { EXPECT_FALSE(blame_step(*engine_spoiled_at("nobody"), is_right)); }

TEST(Bisect, VerificationNamesTheStepAndTheTactic) {
  try {
    verify_engine(example().model, engine_spoiled_at("conv2"));
    FAIL() << "nothing was found";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("node 'conv2' (Conv) is the first that is off"), std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("spoiled_tactic does it"), std::string::npos) << error.what();
  }
}

TEST(Bisect, VerificationRunsTheStepsTogether) {
  bands_knob.set(BandsChoice::on);
  try {
    verify_engine(example().model, engine_spoiled_at("conv2", prepare_spoiled_in_bands));
    ADD_FAILURE() << "nothing was found";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("where steps run together"), std::string::npos) << error.what();
  }
  bands_knob.reset();
}

TEST(Bisect, VerificationBlamesRewriting) {
  const std::vector<Pass> passes = passes_with_a_wrong_one();
  ModelDef model = example().model;
  optimize(model, {.passes = passes});
  const auto engine =
      EngineDef::create(std::move(model), [](const EngineDef& e) { return build_machine(e, {.tune = Tune::off}); });
  try {
    verify_engine(example().model, engine);
    FAIL() << "nothing was found";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the rewriting of the graph is to blame"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace kiln
