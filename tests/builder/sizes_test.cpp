#include "builder/sizes.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/rng.hpp"
#include "builder/build_engine.hpp"
#include "builder/builder_knobs.hpp"
#include "builder/inner_results.hpp"
#include "builder/profiles.hpp"
#include "builder/verify_engine.hpp"
#include "graph/copy_model.hpp"
#include "runtime/engine_bytes.hpp"
#include "runtime/graph_maker.hpp"
#include "runtime/plan.hpp"

namespace kiln {
namespace {

using namespace test;

Tensor ramp(const Shape& shape, float scale) {
  Tensor tensor(DType::f32, shape);
  int i = 0;
  for (float& element : tensor.mutable_elements<float>()) element = static_cast<float>(i++ % 17 - 8) * 0.125f * scale;
  return tensor;
}

/// Convolutions on pictures of any size, then a product.
ModelDef picture_model() {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{Dim::symbol("n"), 16, Dim::symbol("h"), Dim::symbol("w")}));
  add_constant(graph, "w1", ramp({32, 16, 3, 3}, 0.05f));
  add_constant(graph, "w2", ramp({48, 32, 3, 3}, 0.05f));
  add_constant(graph, "w3", ramp({48, 64}, 0.1f));
  const Attribute pads = attribute("pads", AttributeType::ints, std::vector<int64_t>{1, 1, 1, 1});
  add_node(graph, "Conv", {"x", "w1"}, {"a"}, {pads});
  add_node(graph, "Relu", {"a"}, {"b"});
  add_node(graph, "Conv", {"b", "w2"}, {"c"}, {pads});
  add_node(graph, "Relu", {"c"}, {"d"});
  add_node(graph, "GlobalAveragePool", {"d"}, {"e"});
  add_node(graph, "Flatten", {"e"}, {"f"});
  add_node(graph, "MatMul", {"f", "w3"}, {"y"});
  add_output(graph, "y");
  add_output(graph, "d");
  return model_of(std::move(graph));
}

BuildOptions with_profile(const char* text) {
  BuildOptions options{.tune = Tune::off, .verify = false};
  add_profiles(options.profiles, text);
  return options;
}
constexpr const char* from_small_to_large = "x=1x16x4x4:1x16x40x40:2x16x300x300";

Tensor input_of(const Shape& shape) { return ramp(shape, 1); }

std::vector<Type> types_of(const Shape& shape) {
  return {Type::tensor(DType::f32, SymShape(shape.begin(), shape.end()))};
}

/// Products and a norm of texts of any number and length.
ModelDef text_model() {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{Dim::symbol("n"), Dim::symbol("length"), 48}));
  add_constant(graph, "w1", ramp({48, 160}, 0.05f));
  add_constant(graph, "b1", ramp({160}, 0.1f));
  add_constant(graph, "scale", ramp({160}, 0.5f));
  add_constant(graph, "w2", ramp({160, 48}, 0.05f));
  add_node(graph, "MatMul", {"x", "w1"}, {"a"});
  add_node(graph, "Add", {"a", "b1"}, {"b"});
  add_node(graph, "Tanh", {"b"}, {"c"});
  add_node(graph, "LayerNormalization", {"c", "scale"}, {"d"});
  add_node(graph, "MatMul", {"d", "w2"}, {"e"});
  add_node(graph, "Add", {"e", "x"}, {"f"});
  add_node(graph, "Softmax", {"f"}, {"y"});
  add_output(graph, "y");
  return model_of(std::move(graph));
}

/// A machine whose buckets have ways of their own, whatever the cost model finds.
std::shared_ptr<const EngineDef> with_own_ways(const EngineDef& built) {
  return EngineDef::create(built.model(), [&](const EngineDef&) {
    Machine machine = *built.machine();
    if (machine.others.empty()) machine.others.push_back(machine.steps);
    machine.buckets = {{{{1, 16, 40, 40}}, 0, 1e-3}, {{{1, 16, 4, 4}}, 1, 1e-5}, {{{2, 16, 300, 300}}, 0, 1e-1}};
    machine.profiles = {{{{1, 16, 4, 4}}, {{2, 16, 300, 300}}}};
    return machine;
  });
}

TEST(Sizes, ThereIsOneUnlessMoreAreAskedFor) {
  const auto engine = EngineDef::create(picture_model());
  EXPECT_TRUE(sizes_to_build(*engine, {.tune = Tune::off}).others.empty());
  EXPECT_TRUE(sizes_to_build(*engine, {.tune = Tune::fast}).others.empty());
  BuildOptions said{.tune = Tune::full};
  said.shapes = {{"x", {1, 16, 8, 8}}};
  EXPECT_TRUE(sizes_to_build(*engine, said).others.empty());
  Graph fixed;
  add_input(fixed, "x", Type::tensor(DType::f32, SymShape{1, 8}));
  add_node(fixed, "Relu", {"x"}, {"y"});
  add_output(fixed, "y");
  EXPECT_TRUE(sizes_to_build(*EngineDef::create(model_of(std::move(fixed))), {.tune = Tune::full}).others.empty());
}

TEST(Sizes, OpenDimsGetSomeOnTheirOwnWhereAllIsLookedAt) {
  const auto engine = EngineDef::create(picture_model());
  const Sizes sizes = sizes_to_build(*engine, {.tune = Tune::full});
  ASSERT_EQ(sizes.others.size(), 2u);
  EXPECT_EQ(sizes.others[0].at("x"), (Shape{1, 16, 160, 160}));
  EXPECT_EQ(sizes.others[1].at("x"), (Shape{1, 16, 1280, 1280}));
  EXPECT_TRUE(sizes.limits.empty());
}

TEST(Sizes, ProfilesSayThem) {
  const auto engine = EngineDef::create(picture_model());
  const Sizes sizes = sizes_to_build(*engine, with_profile(from_small_to_large));
  EXPECT_EQ(sizes.first.at("x"), (Shape{1, 16, 40, 40}));
  ASSERT_EQ(sizes.others.size(), 2u);
  EXPECT_EQ(sizes.others[0].at("x"), (Shape{1, 16, 4, 4}));
  EXPECT_EQ(sizes.others[1].at("x"), (Shape{2, 16, 300, 300}));
  ASSERT_EQ(sizes.limits.size(), 1u);
  EXPECT_TRUE(sizes_to_build(*engine, with_profile("x=1x16x40x40")).others.empty());
  // What is left open is as usual, within what is said.
  const Sizes open = sizes_to_build(*engine, with_profile("[1,16,700:900,?]"));
  EXPECT_EQ(open.first.at("x"), (Shape{1, 16, 700, 640}));
  EXPECT_EQ(open.others.back().at("x"), (Shape{1, 16, 900, 1280}));
  EXPECT_TRUE(is_inside(open.limits, types_of({1, 16, 800, 5000})));
  EXPECT_FALSE(is_inside(open.limits, types_of({1, 16, 600, 5000})));
}

TEST(Sizes, SharedDimsAreSaidOnce) {
  Graph graph;
  const Dim batch = Dim::symbol("batch"), length = Dim::symbol("length");
  for (const char* name : {"a", "b"}) add_input(graph, name, Type::tensor(DType::f32, SymShape{batch, length, 8}));
  add_node(graph, "Add", {"a", "b"}, {"y"});
  add_output(graph, "y");
  const auto engine = EngineDef::create(model_of(std::move(graph)));
  const Sizes sizes = sizes_to_build(*engine, with_profile("a=1x8x8:1x64x8:8x512x8"));
  ASSERT_EQ(sizes.others.size(), 2u);
  EXPECT_EQ(sizes.first.at("b"), (Shape{1, 64, 8}));
  EXPECT_EQ(sizes.others[1].at("b"), (Shape{8, 512, 8}));
  const Sizes usual = sizes_to_build(*engine, {.tune = Tune::full});
  ASSERT_EQ(usual.others.size(), 2u);
  EXPECT_EQ(usual.others[0].at("a"), (Shape{1, 8, 8}));
  EXPECT_EQ(usual.others[1].at("b"), (Shape{8, 512, 8}));
}

TEST(Sizes, BetweenTwoGoesByRatios) {
  const InputShapes a{{"x", {1, 3, 32, 64}}}, b{{"x", {4, 3, 2048, 1024}}};
  EXPECT_EQ(between(a, b, 1), b);
  EXPECT_EQ(between(a, b, 0), a);
  EXPECT_EQ(between(a, b, 0.5).at("x"), (Shape{2, 3, 256, 256}));
}

TEST(Sizes, TheNearestBucketIsTaken) {
  const std::vector<Bucket> buckets = {{{{1, 3, 640, 640}}}, {{{1, 3, 32, 32}}}, {{{1, 3, 4096, 4096}}}};
  const auto nearest = [&](const Shape& shape) { return nearest_bucket(buckets, types_of(shape)); };
  EXPECT_EQ(nearest({1, 3, 640, 640}), 0u);
  EXPECT_EQ(nearest({1, 3, 48, 640}), 0u) << "13 times fewer elements than that, 30 times more than the small one";
  EXPECT_EQ(nearest({1, 3, 32, 64}), 1u);
  EXPECT_EQ(nearest({1, 3, 800, 12128}), 2u);
  EXPECT_EQ(nearest({8, 3, 2000, 2000}), 2u);
  EXPECT_EQ(nearest({1, 3, 0, 0}), 1u);
  EXPECT_EQ(nearest_bucket({}, types_of({1})), 0u);
  EXPECT_EQ(nearest_bucket(buckets, std::vector<Type>{Type::tensor(DType::f32)}), 0u);
}

void expect_reference_answers(const ModelDef& model, const std::shared_ptr<const EngineDef>& engine,
                              const std::vector<Shape>& shapes) {
  const auto reference = EngineDef::create(copy_model(model));
  for (const Shape& shape : shapes) {
    const std::vector<Feed> feeds = {{"x", input_of(shape)}};
    const std::vector<Value> want = run_all(reference, feeds), got = run_all(engine, feeds);
    for (size_t k = 0; k < want.size(); ++k) {
      ASSERT_EQ(want[k].tensor().shape(), got[k].tensor().shape());
      const auto a = want[k].tensor().elements<float>(), b = got[k].tensor().elements<float>();
      for (size_t i = 0; i < a.size(); ++i) {
        ASSERT_NEAR(a[i], b[i], 2e-3 * (1 + std::abs(a[i]))) << to_string(shape) << " at " << i;
      }
    }
  }
}

TEST(Sizes, AnyPictureGivesTheAnswersOfTheReference) {
  // At, between and outside of the ranges.
  std::vector<Shape> shapes = {{1, 16, 4, 4},  {1, 16, 40, 40}, {2, 16, 60, 90},
                               {1, 16, 17, 5}, {3, 16, 1, 1},   {1, 16, 3, 400}};
  Philox random(3);
  const auto below = [&](uint64_t limit) { return static_cast<int64_t>(random.below(limit)); };
  for (int i = 0; i < 30; ++i) shapes.push_back({1 + below(3), 16, 1 + below(64), 1 + below(64)});
  const auto built = build_engine(picture_model(), with_profile(from_small_to_large));
  for (const auto& engine : {built, with_own_ways(*built)}) expect_reference_answers(picture_model(), engine, shapes);
}

TEST(Sizes, AnyTextGivesTheAnswersOfTheReference) {
  std::vector<Shape> shapes = {{1, 1, 48}, {1, 64, 48}, {8, 512, 48}, {9, 600, 48}};
  Philox random(4);
  const auto below = [&](uint64_t limit) { return static_cast<int64_t>(random.below(limit)); };
  for (int i = 0; i < 60; ++i) shapes.push_back({1 + below(5), 1 + below(130), 48});
  const auto engine = build_engine(text_model(), with_profile("x=1x1x48:1x64x48:8x512x48;x=[..,7,48]"));
  EXPECT_EQ(engine->machine()->profiles.size(), 2u);
  expect_reference_answers(text_model(), engine, shapes);
}

TEST(Sizes, APlanKeepsItsBucketAndOthersAreNoted) {
  const auto built = build_engine(picture_model(), with_profile(from_small_to_large));
  const auto engine = with_own_ways(*built);
  std::vector<std::string> notes;
  Context context(engine, {.on_note = [&](const std::string& note) { notes.push_back(note); }});
  const std::vector<size_t> outputs = {0};
  const auto bucket_of = [&](const Shape& shape) {
    const std::vector<Feed> feeds = {{"x", input_of(shape)}};
    context.run(feeds, outputs);
    return context.latest_plan()->bucket;
  };
  EXPECT_EQ(bucket_of({1, 16, 40, 40}), 0u);
  EXPECT_EQ(bucket_of({1, 16, 5, 5}), 1u);
  EXPECT_EQ(bucket_of({1, 16, 290, 290}), 2u);
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(bucket_of({1, 16, 2, 2}), 1u);
  EXPECT_EQ(bucket_of({1, 16, 2, 2}), 1u);
  ASSERT_EQ(notes.size(), 1u) << "once for a plan";
  EXPECT_NE(notes[0].find("'x' [1,16,2,2]"), std::string::npos) << notes[0];
  EXPECT_NE(notes[0].find("[1,16,4,4]"), std::string::npos) << notes[0];
}

TEST(Sizes, WaysShareWhatTheyPackAlike) {
  const auto built = build_engine(picture_model(), with_profile(from_small_to_large));
  const Machine& machine = *built->machine();
  std::map<std::pair<size_t, std::string>, std::set<const float*>> packed;
  for (size_t ways = 0; ways <= machine.others.size(); ++ways) {
    for (size_t i = 0; i < machine.steps.size(); ++i) {
      const MachineStep& step = machine.ways(ways)[i];
      if (step.packed == nullptr) continue;
      std::string key(step.tactic->name);
      for (int32_t number : packing_of(*step.tactic, step.tuning).numbers) key += "," + std::to_string(number);
      packed[{i, key}].insert(step.packed);
    }
  }
  for (const auto& [key, places] : packed) EXPECT_EQ(places.size(), 1u) << key.second;
  // In a file too, however often they are used.
  const auto engine = with_own_ways(*built);
  const std::string one = engine_bytes(*in_ways(engine, 0)), all = engine_bytes(*engine);
  const auto other = read_engine(all).engine();
  EXPECT_EQ(other->machine()->packed_bytes(), engine->machine()->packed_bytes());
  if (built->machine()->others.empty()) {
    EXPECT_LT(all.size(), one.size() + 8192);
  }
}

TEST(Sizes, AnEngineFileKeepsThem) {
  const auto engine = with_own_ways(*build_engine(picture_model(), with_profile(from_small_to_large)));
  const std::string bytes = engine_bytes(*engine);
  const auto loaded = read_engine(bytes).engine();
  EXPECT_EQ(loaded->machine()->buckets, engine->machine()->buckets);
  EXPECT_EQ(loaded->machine()->profiles, engine->machine()->profiles);
  ASSERT_EQ(loaded->machine()->others.size(), engine->machine()->others.size());
  EXPECT_EQ(engine_bytes(*loaded), bytes);
  EXPECT_EQ(engine_bytes(*with_own_ways(*build_engine(picture_model(), with_profile(from_small_to_large)))), bytes);
  // Every byte of the machine may be wrong.
  const EngineFile file = read_engine(bytes);
  for (const EngineSection& section : file.sections()) {
    if (section.kind != EngineSection::Kind::machine) continue;
    for (uint64_t at = section.offset; at < section.offset + section.size; ++at) {
      for (uint8_t wrong : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(wrong);
        test::reseal(damaged);
        try {
          read_engine(damaged).engine();
        } catch (const Error& error) {
          EXPECT_NE(error.code(), ErrorCode::internal) << at << ": " << error.what();
        }
      }
    }
  }
}

TEST(Sizes, AllWaysAreVerified) {
  const auto built = build_engine(picture_model(), with_profile(from_small_to_large));
  const auto sound = with_own_ways(*built);
  const auto broken = EngineDef::create(sound->model(), [&](const EngineDef&) {
    Machine machine = *sound->machine();
    machine.others[0] = machine.steps;
    for (MachineStep& step : machine.others[0]) {
      if (step.packed == nullptr) continue;
      const auto memory = std::make_shared<std::vector<float>>(step.packed, step.packed + step.packed_floats + 16);
      for (float& weight : *memory) weight *= 1.5f;
      step.packed = memory->data();
      machine.keepers.push_back(memory);
      break;
    }
    return machine;
  });
  const ModelDef original = picture_model();
  const InputShapes shapes{{"x", {1, 16, 9, 9}}};
  EXPECT_TRUE(verify_engine(original, sound, shapes).done);
  EXPECT_THROW(verify_engine(original, broken, shapes), Error);
}

}  // namespace
}  // namespace kiln
