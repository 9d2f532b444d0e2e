#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/scratch_folder.hpp"
#include "builder/build_engine.hpp"
#include "builder/builder_knobs.hpp"
#include "builder/fuse.hpp"
#include "builder/problem_key.hpp"
#include "builder/select.hpp"
#include "builder/timing_cache.hpp"
#include "builder/typical_shapes.hpp"
#include "builder/verify_engine.hpp"
#include "passes/model_builder.hpp"

namespace kiln {
namespace {

/// Two equal 3 x 3 convolutions, one of another size, pooling between.
ModelBuilder example(int64_t channels = 32) {
  ModelBuilder builder;
  builder.input("x", {1, channels, 24, 24});
  for (const char* name : {"w1", "w2"}) builder.constant(name, ramp({channels, channels, 3, 3}, 0.05f));
  builder.constant("w3", ramp({2 * channels, channels, 1, 1}, 0.1f));
  const Attribute pads{.name = "pads", .type = AttributeType::ints, .data = std::vector<int64_t>{1, 1, 1, 1}};
  builder.add("Conv", {"x", "w1"}, {"a"}, {pads}).name = "first";
  builder.add("Relu", {"a"}, {"b"});
  builder.add("Conv", {"b", "w2"}, {"c"}, {pads}).name = "second";
  builder.add("Relu", {"c"}, {"d"});
  builder.add("Conv", {"d", "w3"}, {"e"}).name = "third";
  builder.add("GlobalAveragePool", {"e"}, {"y"});
  builder.output("y");
  return builder;
}

struct Built {
  std::shared_ptr<const EngineDef> engine;
  BuildReport report;

  const std::vector<MachineStep>& steps() const { return engine->machine()->steps; }
};

Built build(const ModelBuilder& builder, BuildOptions options, const std::string& identity = "") {
  Built built;
  options.report = &built.report;
  built.engine = build_engine(builder.model, options, identity);
  return built;
}

/// The knob with a file of the test's own.
struct OwnCache {
  ScratchFolder folder;
  std::string path = folder / "timings";
  OwnCache() { timing_cache_knob.set(path); }
  ~OwnCache() { timing_cache_knob.reset(); }
};

bool same(const Machine& a, const Machine& b) {
  if (a.steps.size() != b.steps.size()) return false;
  for (size_t i = 0; i < a.steps.size(); ++i) {
    const MachineStep &x = a.steps[i], &y = b.steps[i];
    if (x.tactic != y.tactic || !(x.tuning == y.tuning) || !(x.formats == y.formats) || x.seconds != y.seconds ||
        x.measured != y.measured || x.packed_floats != y.packed_floats) {
      return false;
    }
  }
  return true;
}

TEST(Build, TheSameCacheGivesTheSameEngine) {
  const OwnCache cache;
  const BuildOptions options{.tune = Tune::fast, .time_budget_seconds = 20};
  const Built one = build(example(), options, "example");
  TimingCache before, after;
  before.load(cache.path);
  EXPECT_GT(before.size(), 3u);
  size_t told = 0;
  BuildOptions again = options;
  again.progress = [&](const BuildProgress&) { ++told; };
  const Built two = build(example(), again, "example");
  after.load(cache.path);
  EXPECT_EQ(told, 0u) << "something was measured or verified again";
  EXPECT_EQ(before.text(), after.text());
  EXPECT_TRUE(same(*one.engine->machine(), *two.engine->machine()));
  EXPECT_TRUE(one.report.verified && two.report.verified);
  EXPECT_LT(one.report.difference, 1e-4);
}

TEST(Build, StoppingKeepsWhatIsKnown) {
  const OwnCache cache;
  const std::atomic<bool> stop{true};
  BuildOptions options{.tune = Tune::full};
  options.stop_tuning = &stop;
  const Built built = build(example(), options);
  EXPECT_TRUE(built.report.verified);
  for (const MachineStep& step : built.steps()) EXPECT_FALSE(step.measured);
}

TEST(Build, StrictMathematicsForbidsWinograd) {
  BuildOptions options{.tune = Tune::off, .verify = false};
  const auto winograds = [&] {
    size_t count = 0;
    const Built built = build(example(64), options);
    for (const MachineStep& step : built.steps()) {
      count += step.tactic != nullptr && step.tactic->approximates ? 1 : 0;
    }
    return count;
  };
  EXPECT_GE(winograds(), 2u);
  options.math = Math::strict;
  EXPECT_EQ(winograds(), 0u);
}

TEST(Build, BytesHaveAPrice) {
  const auto packed = [](Prefer prefer) {
    int64_t floats = 0;
    const Built built = build(example(256), {.tune = Tune::off, .prefer = prefer, .verify = false});
    for (const MachineStep& step : built.steps()) floats += step.packed_floats;
    return floats;
  };
  EXPECT_LE(packed(Prefer::balanced), packed(Prefer::speed));
  EXPECT_LE(packed(Prefer::memory), packed(Prefer::balanced));

  const auto engine = EngineDef::create(example().model);
  const BuildFacts facts = build_facts(*engine);
  const std::vector<Group> groups = fuse(engine->program(), facts);
  std::vector<Choice> choices(groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    choices[i] = make_choice(engine->program(), facts, groups[i], {});
    choices[i].candidates.resize(1);
    choices[i].candidates[0].seconds = choices[i].candidates[0].bytes = 0;
  }
  const Formats formats = choices[0].candidates[0].formats;
  const auto pick = [&](auto terms, double seconds, double bytes, double plain = 1e9) {
    choices[0].candidates = {{.formats = formats, .seconds = 10e-3, .bytes = 100e6},
                             {.formats = formats, .seconds = seconds, .bytes = bytes}};
    if constexpr (std::is_same_v<decltype(terms), Prefer>) {
      return select(engine->program(), facts, choices, exchange_of(terms), plain, {}).chosen[0];
    } else {
      return select(engine->program(), facts, choices, terms, {}).chosen[0];
    }
  };
  // 8 MB more for 80 microseconds less.
  EXPECT_EQ(pick(9e-12, 9.92e-3, 108e6), 1u);
  EXPECT_EQ(pick(11e-12, 9.92e-3, 108e6), 0u);
  // Balanced, twice the memory must save a tenth of the time; where memory is preferred, half of it.
  EXPECT_EQ(pick(Prefer::speed, 9.9e-3, 200e6), 1u);
  EXPECT_EQ(pick(Prefer::balanced, 9.5e-3, 200e6), 0u);
  EXPECT_EQ(pick(Prefer::balanced, 8.7e-3, 200e6), 1u);
  EXPECT_EQ(pick(Prefer::memory, 6e-3, 200e6), 0u);
  EXPECT_EQ(pick(Prefer::memory, 4e-3, 200e6), 1u);
  // But not where the weights themselves are much smaller, unless that is still small.
  EXPECT_EQ(pick(Prefer::balanced, 7e-3, 200e6, 60e6), 0u);
  EXPECT_EQ(pick(Prefer::balanced, 7e-3, 110e6, 39e6), 1u);
}

TEST(Build, ReportsChoicesAndDeclines) {
  const Built built = build(example(), {.tune = Tune::off, .verify = false});
  ASSERT_EQ(built.report.groups.size(), built.steps().size());
  const GroupReport& first = built.report.groups[0];
  EXPECT_EQ(first.ops, "Conv+Relu");
  EXPECT_FALSE(first.others.empty());
  EXPECT_TRUE(std::any_of(first.declines.begin(), first.declines.end(),
                          [](const auto& decline) { return decline.first == "conv_depthwise"; }));
}

TEST(Build, NamesTheNodeThatIsOff) {
  const ModelDef model = example().model;
  const Built built = build(example(), {.tune = Tune::off, .verify = false});
  const auto broken = EngineDef::create(built.engine->model(), [&](const EngineDef& engine) {
    Machine machine = build_machine(engine, {.tune = Tune::off});
    auto* weights = const_cast<float*>(machine.steps[1].packed);
    for (int64_t i = 0; i < machine.steps[1].packed_floats; ++i) weights[i] *= 1.5f;
    return machine;
  });
  EXPECT_TRUE(verify_engine(model, built.engine).done);
  try {
    verify_engine(model, broken);
    FAIL() << "nothing was found";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'second'"), std::string::npos) << error.what();
  }
}

TEST(Build, KeysTellProblemsApart) {
  const auto engine = EngineDef::create(example().model);
  const BuildFacts facts = build_facts(*engine);
  std::vector<std::string> keys;
  for (const Node& node : engine->model().graph.nodes) {
    const size_t index = static_cast<size_t>(&node - engine->model().graph.nodes.data());
    Group group{.nodes = {index}, .inputs = node.inputs, .outputs = node.outputs};
    keys.push_back(problem_key(*make_problem(engine->program(), facts.typical, group, Isa::portable, 1)));
    EXPECT_EQ(keys.back().find_first_of("\t\n"), std::string::npos);
  }
  EXPECT_EQ(keys[0], keys[2]) << "equal layers";
  EXPECT_EQ(keys[1], keys[3]);
  EXPECT_NE(keys[0], keys[4]);
  EXPECT_NE(keys[0], keys[1]);
}

}  // namespace
}  // namespace kiln
