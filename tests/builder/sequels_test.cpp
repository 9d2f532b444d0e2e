#include "builder/sequels.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "builder/build.hpp"
#include "builder/inner_results.hpp"
#include "graph/copy_model.hpp"
#include "passes/optimize.hpp"
#include "runtime/bodies.hpp"
#include "runtime/body_scratch.hpp"
#include "runtime/engine_bytes.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln::test {
namespace {

using Names = std::vector<std::string>;
constexpr int64_t width = 8;

Tensor weights(int64_t side, unsigned seed) {
  std::mt19937 random(seed);
  Tensor tensor(DType::f32, {side, side});
  for (float& element : tensor.mutable_elements<float>()) {
    element = static_cast<float>(static_cast<int>(random() % 200) - 100) * 0.003F;
  }
  return tensor;
}

Machine machine_of(const EngineDef& engine) { return build_machine(engine, {.tune = Tune::off}); }
std::shared_ptr<const EngineDef> engine_of(Graph graph) {
  return EngineDef::create(model_of(std::move(graph)), machine_of);
}

/// Random graphs of matrices [rows, 8] whose rows are picked by data again and again.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  Graph make() {
    Graph graph;
    add_input(graph, "x", Type::tensor(DType::f32, SymShape{Dim::symbol("rows"), width}));
    add_input(graph, "tags", Type::tensor(DType::f32, SymShape{Dim::symbol("rows")}));
    add_input(graph, "flag", Type::tensor(DType::boolean, SymShape{}));
    add_constant(graph, "zero", Tensor::vector<int64_t>({0}));
    add_constant(graph, "minus", Tensor::vector<int64_t>({-1}));
    add_constant(graph, "halves", Tensor::vector<int64_t>({2, width / 2}));
    add_constant(graph, "width", Tensor::vector<int64_t>({width}));
    std::vector<Family> families = {{"tags", {"x"}}};
    for (int i = 0; i < 14; ++i) add_something(graph, families);
    for (int i = 0; i < 3; ++i) {
      const std::string y = "y" + std::to_string(i);
      // The last is an output that others may read too.
      add_node(graph, "Tanh", {any(any_of(families))}, {y});
      any_of(families).values.push_back(any(any_of(families)));
      add_output(graph, y);
    }
    for (const std::string& value : families.back().values) {
      if (value != "x") return add_output(graph, value), graph;
    }
    return graph;
  }

 private:
  /// Matrices with the same number of rows, and a whole number for each row, by which rows are picked.
  struct Family {
    std::string tags;
    Names values;
  };

  int below(size_t limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  std::string fresh(const char* hint) { return hint + std::to_string(next_++); }
  const std::string& any(const Family& family) {
    return family.values[static_cast<size_t>(below(family.values.size()))];
  }
  Family& any_of(std::vector<Family>& families) { return families[static_cast<size_t>(below(families.size()))]; }

  void add_something(Graph& graph, std::vector<Family>& families) {
    Family& family = any_of(families);
    const std::string made = fresh("v");
    switch (below(9)) {
      case 0: add_node(graph, "Add", {any(family), any(family)}, {made}); break;
      case 1:
      case 2: add_product(graph, any(family), made); break;
      case 3: add_turned(graph, any(family), made); break;
      case 4: add_sum(graph, any(any_of(families)), any(family), made); break;
      case 5: add_if(graph, family, any(any_of(families)), made); break;
      case 6: add_sequence(graph, family, made); break;
      default: families.push_back(pick(graph, Family(family))); return;
    }
    family.values.push_back(made);
  }

  void add_product(Graph& graph, const std::string& value, const std::string& made) {
    const std::string w = fresh("w"), product = fresh("p");
    add_constant(graph, w, weights(width, random_()));
    add_node(graph, "MatMul", {value, w}, {product});
    add_node(graph, "Tanh", {product}, {made});
  }

  /// [rows, 8] as [rows, 2, 4], turned, and back again by its Shape.
  void add_turned(Graph& graph, const std::string& value, const std::string& made) {
    const std::string rows = fresh("n"), shape = fresh("s"), parts = fresh("p"), turned = fresh("t"), back = fresh("s");
    add_node(graph, "Shape", {value}, {rows}, {attribute("start", 0), attribute("end", 1)});
    add_node(graph, "Concat", {rows, "halves"}, {shape}, {attribute("axis", 0)});
    add_node(graph, "Reshape", {value, shape}, {parts}, {attribute("allowzero", 1)});
    add_node(graph, "Transpose", {parts}, {turned},
             {attribute("perm", AttributeType::ints, std::vector<int64_t>{0, 2, 1})});
    add_node(graph, "Concat", {rows, "width"}, {back}, {attribute("axis", 0)});
    add_node(graph, "Reshape", {turned, back}, {made}, {attribute("allowzero", 1)});
  }

  /// All rows of one family together, added to each row of another.
  void add_sum(Graph& graph, const std::string& all, const std::string& value, const std::string& made) {
    const std::string sum = fresh("u"), small = fresh("u"), shape = fresh("s"), many = fresh("u");
    add_node(graph, "ReduceSum", {all, "zero"}, {sum});
    add_node(graph, "Tanh", {sum}, {small});
    add_node(graph, "Shape", {value}, {shape});
    add_node(graph, "Expand", {small, shape}, {many});
    add_node(graph, "Add", {many, value}, {made});
  }

  void add_if(Graph& graph, const Family& family, const std::string& other, const std::string& made) {
    Graph yes_branch, no_branch;
    add_product(yes_branch, any(family), "chosen");
    add_output(yes_branch, "chosen");
    add_sum(no_branch, other, any(family), "other_one");
    add_output(no_branch, "other_one");
    add_node(graph, "If", {"flag"}, {made},
             {attribute("then_branch", yes_branch), attribute("else_branch", no_branch)});
  }

  void add_sequence(Graph& graph, const Family& family, const std::string& made) {
    const std::string sequence = fresh("q");
    add_node(graph, "SequenceConstruct", {any(family), any(family)}, {sequence});
    const std::string which = fresh("n");
    add_constant(graph, which, Tensor::scalar<int64_t>(below(2)));
    add_node(graph, "SequenceAt", {sequence, which}, {made});
  }

  Family pick(Graph& graph, const Family& from) {
    const std::string least = fresh("c"), mask = fresh("m");
    add_constant(graph, least, scalar(static_cast<float>(below(3))));
    add_node(graph, "Greater", {from.tags, least}, {mask});
    Family made{fresh("t"), {fresh("v")}};
    const int kind = below(4);
    const std::string count = fresh("n");
    if (kind >= 2) {
      const std::string ones = fresh("n");
      add_node(graph, "Cast", {mask}, {ones}, {attribute("to", 7)});
      add_node(graph, "ReduceSum", {ones, "zero"}, {count});
    }
    if (kind == 0) {
      add_node(graph, "Compress", {from.tags, mask}, {made.tags}, {attribute("axis", 0)});
      add_node(graph, "Compress", {any(from), mask}, {made.values[0]}, {attribute("axis", 0)});
    } else if (kind == 1) {
      const std::string where = fresh("i"), rows = fresh("i");
      add_node(graph, "NonZero", {mask}, {where});
      add_node(graph, "Squeeze", {where, "zero"}, {rows});
      add_node(graph, "Gather", {from.tags, rows}, {made.tags});
      add_node(graph, "Gather", {any(from), rows}, {made.values[0]});
    } else if (kind == 2) {
      add_node(graph, "Slice", {from.tags, "zero", count}, {made.tags});
      add_node(graph, "Slice", {any(from), "zero", count}, {made.values[0]});
    } else {
      Graph body;
      const std::string turn = fresh("i"), go = fresh("g"), on = fresh("g"), tag = fresh("t"), row = fresh("r");
      add_input(body, turn, Type::tensor(DType::i64, SymShape{}));
      add_input(body, go, Type::tensor(DType::boolean, SymShape{}));
      add_node(body, "Identity", {go}, {on});
      add_node(body, "Gather", {from.tags, turn}, {tag});
      add_node(body, "Gather", {any(from), turn}, {row});
      for (const std::string& output : {on, tag, row}) add_output(body, output);
      // A Loop without turns makes values without elements, of whatever rank.
      const std::string tags = fresh("t"), rows = fresh("r"), shape = fresh("s");
      add_node(graph, "Loop", {count, ""}, {tags, rows}, {attribute("body", body)});
      add_node(graph, "Reshape", {tags, "minus"}, {made.tags});
      add_node(graph, "Concat", {count, "width"}, {shape}, {attribute("axis", 0)});
      add_node(graph, "Reshape", {rows, shape}, {made.values[0]}, {attribute("allowzero", 1)});
    }
    return made;
  }

  std::mt19937 random_;
  int next_ = 0;
};

void expect_near(const std::vector<Value>& found, const std::vector<Value>& expected, const std::string& what) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t k = 0; k < found.size(); ++k) {
    const Tensor &a = found[k].tensor(), &b = expected[k].tensor();
    ASSERT_EQ(a.shape(), b.shape()) << what << ", output " << k;
    for (int64_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], 1e-4 * (1 + std::abs(b.data<float>()[i])))
          << what << ", output " << k;
    }
  }
}

std::vector<Value> run_rows(Context& context, int64_t rows, unsigned seed, int tags) {
  std::mt19937 random(seed);
  Tensor x(DType::f32, {rows, width}), numbers(DType::f32, {rows});
  for (float& element : x.mutable_elements<float>()) element = static_cast<float>(random() % 2000) * 1e-3F - 1;
  for (float& tag : numbers.mutable_elements<float>()) tag = static_cast<float>(random() % static_cast<unsigned>(tags));
  const Feed feeds[] = {{"x", x}, {"tags", numbers}, {"flag", Tensor::scalar<bool>(seed % 2 == 0)}};
  std::vector<size_t> outputs;
  for (size_t i = 0; i < context.engine().outputs().size(); ++i) outputs.push_back(i);
  return context.run(feeds, outputs);
}

size_t sequels_of(const EngineDef& engine) {
  size_t count = 0;
  for (const Body& body : engine.machine()->bodies) count += (body.which ? 0 : 1) + sequels_of(*body.engine);
  return count;
}

/// All steps that follow from data, done node by node.
std::shared_ptr<const EngineDef> without_sequels(const EngineDef& engine) {
  return EngineDef::create(copy_model(engine.model()), [&](const EngineDef&) {
    Machine machine = *engine.machine();
    for (MachineStep& step : machine.steps) step.by_reference = step.group.is_sequel;
    return machine;
  });
}

size_t hold_against_reference(unsigned seed) {
  const ModelDef model = model_of(Maker(seed).make());
  Context reference(EngineDef::create(copy_model(model)));
  ModelDef optimized = copy_model(model);
  optimize(optimized);
  const auto plain = EngineDef::create(copy_model(model), machine_of);
  const auto fast = EngineDef::create(std::move(optimized), machine_of);
  const auto read = read_engine(engine_bytes(*fast)).engine();
  EXPECT_EQ(sequels_of(*read), sequels_of(*fast));
  EXPECT_EQ(engine_bytes(*read), engine_bytes(*fast));
  Context contexts[] = {Context(plain), Context(fast), Context(read), Context(without_sequels(*plain))};
  const char* names[] = {"as it is", "rewritten", "read again", "by reference"};
  const std::pair<int64_t, int> calls[] = {{6, 5}, {6, 5}, {9, 3}, {6, 1}, {20, 6}, {1, 4}, {9, 3}, {0, 2}};
  for (unsigned call = 0; call < std::size(calls); ++call) {
    const auto [rows, tags] = calls[call];
    const std::vector<Value> expected = run_rows(reference, rows, call, tags);
    for (size_t i = 0; i < 4; ++i) {
      expect_near(run_rows(contexts[i], rows, call, tags), expected,
                  "seed " + std::to_string(seed) + ", " + names[i] + ", call " + std::to_string(call));
    }
  }
  return sequels_of(*plain);
}

TEST(Sequels, AreRightWhateverDataDecide) {
  size_t sequels = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    sequels += hold_against_reference(seed);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(sequels, 100U);
}

/// x: rows where the first element of x is above 0, times w; of those, rows above 0 again, times w.
Graph picked_twice(int64_t side = width) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{16, side}));
  add_constant(graph, "w", weights(side, 1));
  add_constant(graph, "v", weights(side, 2));
  add_constant(graph, "first", Tensor::scalar<int64_t>(0));
  add_constant(graph, "none", scalar(0));
  add_node(graph, "Gather", {"x", "first"}, {"a"}, {attribute("axis", 1)});
  add_node(graph, "Greater", {"a", "none"}, {"mask"});
  add_node(graph, "Compress", {"x", "mask"}, {"some"}, {attribute("axis", 0)});
  add_node(graph, "MatMul", {"some", "w"}, {"p"});
  add_node(graph, "Relu", {"p"}, {"q"});
  add_node(graph, "Gather", {"q", "first"}, {"b"}, {attribute("axis", 1)});
  add_node(graph, "Greater", {"b", "none"}, {"mask2"});
  add_node(graph, "Compress", {"q", "mask2"}, {"fewer"}, {attribute("axis", 0)});
  add_node(graph, "MatMul", {"x", "v"}, {"head"});
  add_node(graph, "ReduceSum", {"head"}, {"total"}, {attribute("keepdims", 0)});
  add_node(graph, "MatMul", {"fewer", "w"}, {"r"});
  add_node(graph, "Add", {"r", "total"}, {"y"});
  add_node(graph, "Shape", {"q"}, {"found"});
  for (const char* name : {"y", "head", "found", "q"}) add_output(graph, name);
  return graph;
}

Names op_list(const Graph& graph, const Group& group) {
  Names ops;
  for (size_t node : group.nodes) ops.push_back(graph.nodes[node].op_type);
  return ops;
}
Names names_of(const Graph& graph, const std::vector<ValueId>& ids) {
  Names names;
  for (ValueId id : ids) names.push_back(graph.name_of(id));
  return names;
}

TEST(Sequels, BeginWhereAShapeIsBorn) {
  const auto engine = engine_of(picked_twice());
  const Graph& graph = engine->model().graph;
  const std::vector<Group> sequels = find_sequels(engine->program(), build_facts(*engine).typical);
  ASSERT_EQ(sequels.size(), 2U);
  EXPECT_EQ(op_list(graph, sequels[0]), (Names{"MatMul", "Relu", "Gather", "Greater", "Compress", "Shape"}));
  EXPECT_EQ(names_of(graph, sequels[0].inputs), (Names{"some"}));
  EXPECT_EQ(names_of(graph, sequels[0].outputs), (Names{"q", "fewer", "found"}));
  EXPECT_EQ(op_list(graph, sequels[1]), (Names{"MatMul", "Add"}));
  EXPECT_EQ(names_of(graph, sequels[1].inputs), (Names{"fewer", "total"}));
  EXPECT_EQ(names_of(graph, sequels[1].outputs), (Names{"y"}));
  // What does not follow from data stays before.
  const std::vector<MachineStep>& steps = engine->machine()->steps;
  for (size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i].group.is_sequel, i + 2 >= steps.size());
}

TEST(Sequels, AreBornOfLoopsAndSequences) {
  Graph body;
  add_input(body, "i", Type::tensor(DType::i64, SymShape{}));
  add_input(body, "go", Type::tensor(DType::boolean, SymShape{}));
  add_node(body, "Gather", {"x", "i"}, {"row"});
  add_output(body, "go");
  add_output(body, "row");
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{16, width}));
  add_input(graph, "n", Type::tensor(DType::i64, SymShape{}));
  add_node(graph, "Loop", {"n", ""}, {"rows"}, {attribute("body", body)});
  add_node(graph, "Tanh", {"rows"}, {"t"});
  add_node(graph, "SequenceConstruct", {"t", "x"}, {"pair"});
  add_node(graph, "SequenceAt", {"pair", "n"}, {"one"});
  add_node(graph, "Exp", {"one"}, {"y"});
  add_output(graph, "y");
  const auto engine = engine_of(std::move(graph));
  const auto sequels = find_sequels(engine->program(), build_facts(*engine).typical);
  ASSERT_EQ(sequels.size(), 2U);
  EXPECT_EQ(op_list(engine->model().graph, sequels[0]), (Names{"Tanh", "SequenceConstruct", "SequenceAt"}));
  EXPECT_EQ(op_list(engine->model().graph, sequels[1]), (Names{"Exp"}));
}

TEST(Sequels, AreInBodiesToo) {
  Graph graph, branch = picked_twice(), other;
  add_input(graph, "x", branch.values[0].type);
  add_input(graph, "flag", Type::tensor(DType::boolean, SymShape{}));
  branch.inputs.clear();
  branch.outputs.resize(1);
  add_node(other, "Neg", {"x"}, {"z"});
  add_output(other, "z");
  add_node(graph, "If", {"flag"}, {"y"}, {attribute("then_branch", branch), attribute("else_branch", other)});
  add_node(graph, "Tanh", {"y"}, {"t"});
  add_output(graph, "t");
  const auto engine = engine_of(std::move(graph));
  EXPECT_EQ(sequels_of(*engine), 3U);
  EXPECT_EQ(find_sequels(engine->program(), build_facts(*engine).typical).size(), 1U);
}

Tensor some_rows(int count, int64_t side = width) {
  Tensor x(DType::f32, {16, side});
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t row = i / side;
    x.mutable_data<float>()[i] = i % side == 0 ? (row < count ? 1.F : -1.F) : std::sin(static_cast<float>(i + count));
  }
  return x;
}
std::vector<Value> run_some(Context& context, int count, int64_t side = width) {
  const Feed feeds[] = {{"x", some_rows(count, side)}};
  const size_t outputs[] = {0, 1, 2, 3};
  return context.run(feeds, outputs);
}

TEST(Sequels, TakeTheTacticsOfTheirNodes) {
  const auto engine = engine_of(picked_twice(256));
  size_t packed = 0;
  for (const Body& body : engine->machine()->bodies) {
    for (const MachineStep& step : body.engine->machine()->steps) packed += step.packed != nullptr;
  }
  EXPECT_EQ(packed, 2U);
}

TEST(Sequels, PlansAreRemembered) {
  Context context(engine_of(picked_twice())), reference(EngineDef::create(model_of(picked_twice())));
  size_t before = 0;
  for (const int count : {5, 5, 9, 5, 0, 9, 0, 16}) {
    const std::vector<Value> found = run_some(context, count);
    EXPECT_EQ(found[2].tensor().data<int64_t>()[0], count);
    const std::vector<Value> expected = run_some(reference, count);
    expect_near({found[0], found[1], found[3]}, {expected[0], expected[1], expected[3]}, std::to_string(count));
    const size_t plans = context.memory().plans;
    run_some(context, count);
    EXPECT_EQ(context.memory().plans, plans);
    EXPECT_GE(plans, before);
    before = plans;
  }
  EXPECT_GE(before, 1U + 4U + 2U) << "one, one for each count, and one at least for what is left of them";
  EXPECT_EQ(context.memory().plans_made, 1);
}

TEST(Sequels, TakeShapesFromOtherSequelsAsConstants) {
  // What the first sequel knows of shapes serves the second, which reads no data for it.
  Graph graph = picked_twice();
  add_node(graph, "Shape", {"some"}, {"rows"}, {attribute("start", 0), attribute("end", 1)});
  add_constant(graph, "side", Tensor::vector<int64_t>({1, width}));
  add_node(graph, "Concat", {"rows", "side"}, {"wanted"}, {attribute("axis", 0)});
  add_node(graph, "Expand", {"y", "wanted"}, {"many"});
  add_node(graph, "Tanh", {"many"}, {"all"});
  add_output(graph, "all");
  const auto engine = engine_of(graph);
  ASSERT_EQ(sequels_of(*engine), 2U);
  Context context(engine), reference(EngineDef::create(model_of(graph)));
  for (const int count : {3, 7, 3}) {
    const Feed feeds[] = {{"x", some_rows(count)}};
    const size_t outputs[] = {4};
    expect_near(context.run(feeds, outputs), reference.run(feeds, outputs), std::to_string(count));
  }
  size_t known = 0;
  for (const Body& body : engine->machine()->bodies) {
    for (const bool follows : body.follows_shapes) known += follows;
  }
  EXPECT_EQ(known, 1U) << "'wanted'";
}

TEST(Sequels, CountAsMemoryOfTheContext) {
  constexpr int64_t side = 256;
  Context context(engine_of(picked_twice(side)));
  run_some(context, 16, side);
  const int64_t own = context.latest_plan()->bytes;
  EXPECT_EQ(context.memory().plans, 3U);
  EXPECT_GT(context.memory().plan_bytes, own);
  context.release_memory();
  EXPECT_EQ(context.memory().arena_bytes, 0);
  context.set_max_memory(context.latest_plan()->bytes_needed() + 1);
  EXPECT_THROW(run_some(context, 16, side), Error) << "no room for what is born";
  context.set_max_memory(context.latest_plan()->bytes_needed() + (int64_t{1} << 20));
  run_some(context, 16, side);
  EXPECT_LE(context.memory().arena_bytes + context.memory().plan_bytes, int64_t{1} << 20);
  context.trim();
  EXPECT_EQ(context.memory().plans, 0U);
  EXPECT_EQ(context.memory().plan_bytes, 0);
}

TEST(Sequels, ARunStopsInsideThem) {
  Context context(engine_of(picked_twice()));
  const std::vector<Value> expected = run_some(context, 4);
  const auto run_until = [&](int most) {
    int asked = 0;
    const Feed feeds[] = {{"x", some_rows(4)}};
    const size_t outputs[] = {0, 1, 2, 3};
    context.run(feeds, outputs, {.interrupted = [&] { return ++asked > most; }});
    return asked;
  };
  const int all = run_until(1 << 20);
  EXPECT_GT(all, static_cast<int>(context.latest_plan()->schedule->steps.size()) + 4) << "asked inside too";
  for (int most = 0; most < all; ++most) {
    EXPECT_NE(message_of([&] { run_until(most); }).find("stopped"), std::string::npos) << most;
    expect_near({run_some(context, 4)[0]}, {expected[0]}, "after a run that was stopped");
  }
}

TEST(Sequels, ResultsGoWhereTheCallerWantsThem) {
  Context context(engine_of(picked_twice()));
  const std::vector<Value> expected = run_some(context, 4);
  Tensor head(DType::f32, {16, width}), q(DType::f32, {4, width});
  const std::pair<std::string, Value> feeds[] = {{"x", some_rows(4)}};
  const std::pair<std::string, Tensor*> targets[] = {{"head", &head}, {"q", &q}};
  context.run_into(feeds, targets);
  expect_near({head, q}, {expected[1], expected[3]}, "targets");
  Tensor wrong(DType::f32, {5, width});
  const std::pair<std::string, Tensor*> wrong_targets[] = {{"q", &wrong}};
  EXPECT_THROW(context.run_into(feeds, wrong_targets), Error);
}

TEST(Sequels, InnerResultsCanBeAskedFor) {
  const auto engine = engine_of(picked_twice());
  const Names names = inner_results(*engine);
  const std::vector<Feed> feeds{{"x", some_rows(7)}};
  expect_near({run_all(with_results(*engine, {"fewer"}), feeds)[4]},
              {run_all(EngineDef::create(with_results(engine->model(), {"fewer"})), feeds)[4]}, "fewer");
  EXPECT_NE(std::find(names.begin(), names.end(), "fewer"), names.end());
  EXPECT_EQ(std::find(names.begin(), names.end(), "p"), names.end()) << "is made in a sequel, and read in it alone";
}

TEST(Sequels, ErrorsNameTheNodeByItsPlaceInTheGraph) {
  Graph graph = picked_twice();
  add_constant(graph, "three", Tensor(DType::f32, {3, 1}));
  add_node(graph, "Add", {"q", "three"}, {"sum"});
  add_output(graph, "sum");
  const auto place = "'#" + std::to_string(graph.nodes.size() - 1) + "' (Add)";
  Context context(engine_of(std::move(graph)));
  const Feed feeds[] = {{"x", some_rows(5)}};
  const size_t outputs[] = {4};
  EXPECT_NE(message_of([&] { context.run(feeds, outputs); }).find(place), std::string::npos);
}

// ---- the engine file
// -------------------------------------------------------------------------------------------------

/// What reading says of the engine with another machine.
std::string refusal(const EngineDef& engine, FunctionRef<void(Machine&)> change) {
  const auto changed = EngineDef::create(copy_model(engine.model()), [&](const EngineDef&) {
    Machine machine = *engine.machine();
    change(machine);
    return machine;
  });
  const std::string bytes = engine_bytes(*changed);
  return message_of([&] { read_engine(bytes).engine(); });
}

TEST(Sequels, FilesAreHeldAgainstTheGraph) {
  const auto engine = engine_of(picked_twice());
  EXPECT_EQ(refusal(*engine, [](Machine&) {}), "");
  const auto expect = [&](const char* part, FunctionRef<void(Machine&)> change) {
    const std::string message = refusal(*engine, change);
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    EXPECT_NE(message.find("section 'machine"), std::string::npos) << message;
  };
  expect("other inputs or outputs", [](Machine& machine) {
    machine.steps.back().group.inputs.pop_back();
    machine.steps.back().formats.inputs.pop_back();
  });
  expect("other inputs or outputs", [](Machine& machine) {
    std::swap(machine.steps.back().group.inputs[0], machine.steps.back().group.inputs[1]);
  });
  expect("out of order", [](Machine& machine) { std::swap(machine.bodies[0], machine.bodies[1]); });
  expect("no step is a sequel", [](Machine& machine) { ++machine.bodies[1].node; });
  expect("a tactic", [](Machine& machine) {
    for (MachineStep& step : machine.steps) {
      if (step.tactic == nullptr || step.group.is_sequel) continue;
      machine.steps.back().tactic = step.tactic;
    }
    machine.steps.back().formats = {{Format::plain, Format::plain}, {Format::plain}};
  });
  expect("a sequel in a sequel", [](Machine& machine) {
    Body& body = machine.bodies[0];
    body.engine = EngineDef::create(copy_model(body.engine->model()), [](const EngineDef& inner) {
      const Program& program = inner.program();
      std::vector<size_t> nodes;
      for (const Step& step : program.steps) nodes.push_back(step.node_index);
      const Group all = GroupEdges(program).group_of(nodes);
      auto closed = close_group(program, all);
      Machine nested;
      nested.steps.push_back({.group = all,
                              .formats = {std::vector<Format>(all.inputs.size(), Format::plain),
                                          std::vector<Format>(all.outputs.size(), Format::plain)}});
      nested.bodies.push_back({all.nodes.front(),
                               {},
                               closed->captured,
                               std::vector<bool>(all.inputs.size()),
                               EngineDef::create(std::move(closed->model), machine_of)});
      return nested;
    });
  });
}

TEST(Sequels, BrokenFilesAreRefused) {
  const std::string bytes = engine_bytes(*engine_of(picked_twice()));
  const EngineFile file = read_engine(bytes);
  size_t refused = 0;
  for (const EngineSection& section : file.sections()) {
    if (section.kind != EngineSection::Kind::machine) continue;
    for (size_t at = static_cast<size_t>(section.offset); at < section.offset + section.size; ++at) {
      for (const int bit : {0, 1, 4, 7}) {
        std::string broken = bytes;
        broken[at] = static_cast<char>(broken[at] ^ (1 << bit));
        reseal(broken);
        try {
          read_engine(broken).engine();
        } catch (const Error& error) {
          EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 100U);
}

TEST(Sequels, TheSecondFormatHadSubgraphsOnly) {
  Graph yes_branch, no_branch, graph;
  add_node(yes_branch, "Tanh", {"x"}, {"t"});
  add_output(yes_branch, "t");
  add_node(no_branch, "Neg", {"x"}, {"n"});
  add_output(no_branch, "n");
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{16, width}));
  add_input(graph, "flag", Type::tensor(DType::boolean, SymShape{}));
  add_node(graph, "If", {"flag"}, {"y"}, {attribute("then_branch", yes_branch), attribute("else_branch", no_branch)});
  add_output(graph, "y");
  const std::string bytes = engine_bytes(*engine_of(std::move(graph)));
  // There a subgraph's number was not raised by one. Both are 1 and 2 now: the bytes that make the same engine.
  const EngineFile file = read_engine(bytes);
  const EngineSection& section = file.sections()[2];
  size_t same = 0;
  const auto end = static_cast<size_t>(section.offset + section.size);
  for (size_t first = static_cast<size_t>(section.offset); first < end; ++first) {
    for (size_t second = first + 1; second < end; ++second) {
      if (bytes[first] != 1 || bytes[second] != 2) continue;
      std::string older = bytes;
      older[4] = 2;
      --older[first], --older[second];
      reseal(older);
      message_of([&] { same += engine_bytes(*read_engine(older).engine()) == bytes; });
    }
  }
  EXPECT_EQ(same, 1U);
  std::string wrong = bytes;
  wrong[4] = 2;
  reseal(wrong);
  EXPECT_NE(message_of([&] { read_engine(wrong).engine(); }).find("no subgraph"), std::string::npos);
}

// ---- plans or none
// ---------------------------------------------------------------------------------------------------

TEST(Sequels, WhatTakesLessIsDone) {
  using std::chrono::microseconds;
  BodyScratch kept;
  for (int miss = 1; miss <= 16; ++miss) {
    EXPECT_TRUE(kept.is_plan_worth_it());
    kept.planned.add(microseconds(100));
  }
  EXPECT_FALSE(kept.is_plan_worth_it()) << "a walk shows what it takes";
  kept.walked.add(microseconds(5000));
  EXPECT_TRUE(kept.is_plan_worth_it());
  // Of two that take about the same, a walk is tried again.
  kept.walked = {};
  kept.walked.add(microseconds(150));
  int walks = 0;
  for (int miss = 0; miss < 640; ++miss) walks += !kept.is_plan_worth_it();
  EXPECT_EQ(walks, 40);
  kept.walked = {};
  kept.walked.add(microseconds(20));
  int planned = 0;
  for (int miss = 0; miss < 640; ++miss) planned += kept.is_plan_worth_it();
  EXPECT_EQ(planned, 10) << "now and then, for shapes that come to stay";
  // What was long ago counts no more.
  for (int run = 0; run < 2000; ++run) kept.planned.add(microseconds(1));
  EXPECT_LT(kept.planned.mean(), microseconds(10));
}

TEST(Sequels, ChangingCountsAreRightWithPlansAndWithout) {
  Context context(engine_of(picked_twice())), reference(EngineDef::create(model_of(picked_twice())));
  for (int round = 0; round < 12; ++round) {
    for (int count = 0; count <= 16; ++count) {
      const std::vector<Value> found = run_some(context, count), expected = run_some(reference, count);
      expect_near({found[0], found[1], found[3]}, {expected[0], expected[1], expected[3]}, std::to_string(count));
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace kiln::test
