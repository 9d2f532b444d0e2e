#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>

#include "builder/build.hpp"
#include "graph/copy_model.hpp"
#include "passes/optimize.hpp"
#include "runtime/engine_bytes.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln::test {
namespace {

using Names = std::vector<std::string>;
constexpr int64_t width = 8;

/// Random graphs of matrices [rows, 8], with If, Loop and Scan in each other.
class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  Graph make() {
    Graph graph;
    add_input(graph, "x", Type::tensor(DType::f32, SymShape{Dim::symbol("rows"), width}));
    add_input(graph, "flag", Type::tensor(DType::boolean, SymShape{}));
    add_input(graph, "turns", Type::tensor(DType::i64, SymShape{}));
    add_constant(graph, "shared", weights());
    add_constant(graph, "true", yes());
    add_constant(graph, "two", Tensor::scalar<int64_t>(2));
    Names seen = {"x"};
    fill(graph, seen, 3, 6);
    // Outputs are made by nodes of their own.
    for (int i = 0; i < 2; ++i) {
      const std::string y = "y" + std::to_string(i);
      add_node(graph, "Add", {seen[seen.size() - 1 - static_cast<size_t>(i)], any(seen)}, {y});
      add_output(graph, y);
    }
    return graph;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  std::string fresh(const char* hint) { return hint + std::to_string(next_++); }
  const std::string& any(const Names& names) {
    return names[static_cast<size_t>(below(static_cast<int>(names.size())))];
  }

  Tensor weights() {
    Tensor tensor(DType::f32, {width, width});
    for (float& element : tensor.mutable_elements<float>()) element = static_cast<float>(below(200) - 100) * 0.003F;
    return tensor;
  }

  std::string weight(Graph& graph) {
    if (below(2) == 0) return "shared";
    const std::string name = fresh("w");
    add_constant(graph, name, weights());
    return name;
  }

  std::string ints(Graph& graph, std::vector<int64_t> values) {
    const std::string name = fresh("n");
    add_constant(graph, name, Tensor::vector(values));
    return name;
  }

  /// Adds nodes; what they make is seen from then on.
  void fill(Graph& graph, Names& seen, int depth, int count) {
    for (int i = 0; i < count; ++i) {
      const int kind = below(depth > 0 ? 8 : 5);
      const std::string made = fresh("v");
      switch (kind) {
        case 0: add_node(graph, "Tanh", {any(seen)}, {made}); break;
        case 1: add_node(graph, "Add", {any(seen), any(seen)}, {made}); break;
        case 2: add_node(graph, "Relu", {any(seen)}, {made}); break;
        case 3:
        case 4: {
          const std::string product = fresh("p");
          add_node(graph, "MatMul", {any(seen), weight(graph)}, {product});
          add_node(graph, "Tanh", {product}, {made});
          break;
        }
        case 5: add_if(graph, seen, depth, made); break;
        case 6: add_loop(graph, seen, depth, made); break;
        default: add_scan(graph, seen, made); break;
      }
      seen.push_back(made);
    }
  }

  std::string condition(Graph& graph, const Names& seen) {
    const int kind = below(3);
    if (kind == 0) return "flag";
    if (kind == 1) return "true";
    const std::string shape = fresh("s"), rows = fresh("r"), same = fresh("c");
    add_node(graph, "Shape", {any(seen)}, {shape});
    const std::string first = fresh("f");
    add_constant(graph, first, Tensor::scalar<int64_t>(0));
    add_node(graph, "Gather", {shape, first}, {rows});
    add_node(graph, "Equal", {rows, "two"}, {same});
    return same;
  }

  void add_if(Graph& graph, const Names& seen, int depth, const std::string& made) {
    const auto branch = [&] {
      Graph inner;
      Names visible = seen;
      if (below(5) > 0) fill(inner, visible, depth - 1, 1 + below(4));
      add_output(inner, visible.back());
      return inner;
    };
    const std::string chosen = condition(graph, seen);
    const Graph yes_branch = branch(), no_branch = branch();
    add_node(graph, "If", {chosen}, {made},
             {attribute("then_branch", yes_branch), attribute("else_branch", no_branch)});
  }

  void add_loop(Graph& graph, const Names& seen, int depth, const std::string& made) {
    Graph body;
    const std::string turn = fresh("i"), go = fresh("g"), carried = fresh("v"), on = fresh("o"), next = fresh("v");
    add_input(body, turn, Type::tensor(DType::i64, SymShape{}));
    add_input(body, go, Type::tensor(DType::boolean, SymShape{}));
    add_input(body, carried, Type::tensor(DType::f32));
    Names visible = seen;
    visible.push_back(carried);
    fill(body, visible, depth - 1, 1 + below(4));
    add_node(body, "Tanh", {visible.back()}, {next});
    if (below(2) == 0) {
      add_node(body, "Less", {turn, "two"}, {on});
    } else {
      add_node(body, "Identity", {go}, {on});
    }
    add_output(body, on);
    add_output(body, next);
    const bool gathers = below(2) == 0;
    if (gathers) add_output(body, visible.back());
    const std::string last = gathers ? fresh("l") : made, all = fresh("a");
    Node& loop = add_node(graph, "Loop", {below(2) == 0 ? "turns" : "two", below(2) == 0 ? "true" : "", any(seen)},
                          {last}, {attribute("body", body)});
    if (!gathers) return;
    loop.outputs.push_back(graph.value_named(all));
    const std::string sum = fresh("u");
    add_node(graph, "ReduceSum", {all, ints(graph, {0})}, {sum}, {attribute("keepdims", 0)});
    add_node(graph, "Add", {last, sum}, {made});
  }

  void add_scan(Graph& graph, const Names& seen, const std::string& made) {
    Graph body;
    const std::string state = fresh("s"), row = fresh("r"), product = fresh("p"), sum = fresh("u"), next = fresh("s"),
                      each = fresh("e");
    add_input(body, state, Type::tensor(DType::f32, SymShape{1, width}));
    add_input(body, row, Type::tensor(DType::f32, SymShape{width}));
    add_node(body, "MatMul", {row, weight(body)}, {product});
    add_node(body, "Add", {state, product}, {sum});
    add_node(body, "Tanh", {sum}, {next});
    add_node(body, "ReduceMax", {next, ints(body, {0})}, {each}, {attribute("keepdims", 0)});
    add_output(body, next);
    add_output(body, each);
    const std::string first = fresh("s");
    add_node(graph, "ReduceMax", {any(seen), ints(graph, {0})}, {first});
    const std::string last = fresh("l");
    add_node(graph, "Scan", {first, any(seen)}, {last, made},
             {attribute("body", body), attribute("num_scan_inputs", 1)});
  }

  std::mt19937 random_;
  int next_ = 0;
};

void expect_near(const std::vector<Value>& found, const std::vector<Value>& expected, const std::string& what) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t k = 0; k < found.size(); ++k) {
    const Tensor &a = found[k].tensor(), &b = expected[k].tensor();
    ASSERT_EQ(a.shape(), b.shape()) << what;
    for (int64_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], 1e-4 * (1 + std::abs(b.data<float>()[i])))
          << what << ", output " << k;
    }
  }
}

std::vector<Value> run_on(Context& context, int64_t rows, bool flag, int64_t turns) {
  Tensor x(DType::f32, {rows, width});
  for (int64_t i = 0; i < x.size(); ++i) x.mutable_data<float>()[i] = std::sin(static_cast<float>(i + 3 * turns));
  const Feed feeds[] = {{"x", x}, {"flag", Tensor::scalar<bool>(flag)}, {"turns", Tensor::scalar<int64_t>(turns)}};
  const size_t outputs[] = {0, 1};
  return context.run(feeds, outputs);
}

size_t bodies_of(const EngineDef& engine) {
  size_t count = 0;
  for (const Body& body : engine.machine()->bodies) count += 1 + bodies_of(*body.engine);
  return count;
}

void hold_against_reference(unsigned seed) {
  const ModelDef model = model_of(Maker(seed).make());
  Context reference(EngineDef::create(copy_model(model)));
  ModelDef optimized = copy_model(model);
  optimize(optimized);
  const auto machine = [](const EngineDef& engine) { return build_machine(engine, {.tune = Tune::off}); };
  const auto plain = EngineDef::create(copy_model(model), machine);
  const auto fast = EngineDef::create(std::move(optimized), machine);
  const auto read = read_engine(engine_bytes(*fast)).engine();
  EXPECT_EQ(bodies_of(*read), bodies_of(*fast));
  Context contexts[] = {Context(plain), Context(fast), Context(read)};
  const char* names[] = {"as it is", "rewritten", "read again"};
  for (const auto& [rows, flag, turns] :
       {std::tuple(3, true, 2), {2, true, 1}, {3, false, 0}, {3, true, 2}, {5, false, 3}, {2, true, 1}}) {
    const std::vector<Value> expected = run_on(reference, rows, flag, turns);
    for (size_t i = 0; i < 3; ++i) {
      expect_near(run_on(contexts[i], rows, flag, turns), expected,
                  "seed " + std::to_string(seed) + ", " + names[i] + ", " + std::to_string(rows) + " rows");
    }
  }
}

TEST(Bodies, AreRightInEachOther) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    hold_against_reference(seed);
    if (HasFatalFailure()) return;
  }
}

/// Three times tanh(x w) in a Loop.
std::shared_ptr<const EngineDef> engine_of_products() {
  Graph body;
  add_input(body, "i", Type::tensor(DType::i64, SymShape{}));
  add_input(body, "go", Type::tensor(DType::boolean, SymShape{}));
  add_input(body, "v", Type::tensor(DType::f32, SymShape{64, 256}));
  add_node(body, "MatMul", {"v", "w"}, {"product"});
  add_node(body, "Tanh", {"product"}, {"next"});
  add_output(body, "go");
  add_output(body, "next");
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{64, 256}));
  add_constant(graph, "w", Tensor(DType::f32, {256, 256}));
  add_constant(graph, "m", Tensor::scalar<int64_t>(3));
  add_node(graph, "Loop", {"m", "", "x"}, {"y"}, {attribute("body", body)});
  add_output(graph, "y");
  return EngineDef::create(model_of(std::move(graph)),
                           [](const EngineDef& made) { return build_machine(made, {.tune = Tune::off}); });
}

TEST(Bodies, TakeTheTacticsOfTheirNodes) {
  const auto engine = engine_of_products();
  ASSERT_EQ(engine->machine()->bodies.size(), 1U);
  bool packed = false;
  for (const MachineStep& step : engine->machine()->bodies[0].engine->machine()->steps)
    packed |= step.packed != nullptr;
  EXPECT_TRUE(packed);
}

TEST(Bodies, CountAsMemoryOfTheContext) {
  Context context(engine_of_products());
  const auto run = [&] {
    const Feed feeds[] = {{"x", Tensor(DType::f32, {64, 256})}};
    const size_t outputs[] = {0};
    context.run(feeds, outputs);
  };
  run();
  const int64_t own = context.latest_plan()->bytes;
  EXPECT_EQ(context.memory().plans, 2U);
  EXPECT_GT(context.memory().plan_bytes, own);
  context.release_memory();
  EXPECT_EQ(context.memory().arena_bytes, 0);
  EXPECT_EQ(context.memory().plans, 2U);
  context.set_max_memory(context.latest_plan()->bytes_needed() + 1);
  EXPECT_THROW(run(), Error) << "no room for what the body makes";
  context.set_max_memory(context.latest_plan()->bytes_needed() + (int64_t{1} << 20));
  run();
  EXPECT_LE(context.memory().arena_bytes + context.memory().plan_bytes, int64_t{1} << 20);
  context.trim();
  EXPECT_EQ(context.memory().plans, 0U);
  EXPECT_EQ(context.memory().plan_bytes, 0);
}

TEST(Bodies, GrowingShapesAreRight) {
  Graph body;
  for (const char* name : {"i", "go", "v"}) add_input(body, name);
  add_constant(body, "one", Tensor(DType::f32, {1, 4}));
  add_node(body, "Concat", {"v", "one"}, {"longer"}, {attribute("axis", 0)});
  add_node(body, "Exp", {"longer"}, {"power"});
  add_node(body, "Div", {"power", "power"}, {"next"});
  add_output(body, "go");
  add_output(body, "next");
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_constant(graph, "m", Tensor::scalar<int64_t>(100));
  add_node(graph, "Loop", {"m", "", "x"}, {"y"}, {attribute("body", body)});
  add_output(graph, "y");
  const auto engine = EngineDef::create(model_of(std::move(graph)),
                                        [](const EngineDef& made) { return build_machine(made, {.tune = Tune::off}); });
  Context context(engine);
  for (int round = 0; round < 2; ++round) {
    const Feed feeds[] = {{"x", Tensor(DType::f32, {1, 4})}};
    const size_t outputs[] = {0};
    const Tensor y = context.run(feeds, outputs).front().tensor();
    EXPECT_EQ(y.shape(), (Shape{101, 4}));
    for (float element : y.elements<float>()) EXPECT_EQ(element, 1);
  }
}

}  // namespace
}  // namespace kiln::test
