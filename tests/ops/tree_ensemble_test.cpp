#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "runtime/graph_maker.hpp"

namespace kiln::test {
namespace {

/// Trees as the attributes of a TreeEnsembleRegressor, and what they say of a row.
struct RandomTrees {
  std::vector<int64_t> trees, nodes, features, if_true, if_false, missing_true;
  std::vector<std::string> modes;
  std::vector<float> thresholds;
  std::vector<int64_t> vote_trees, vote_nodes, vote_targets;
  std::vector<float> vote_weights;

  /// Adds a node with all below it; gives its place among all nodes.
  size_t grow(std::mt19937& random, int64_t tree, int depth, int64_t feature_count, int64_t targets,
              const std::vector<std::string>& allowed) {
    const size_t place = nodes.size();
    const auto first = std::find(trees.begin(), trees.end(), tree) - trees.begin();
    const auto number = static_cast<int64_t>(place) - first;
    trees.push_back(tree), nodes.push_back(number);
    if_true.push_back(0), if_false.push_back(0);
    features.push_back(static_cast<int64_t>(random() % static_cast<unsigned>(feature_count)));
    missing_true.push_back(random() % 3 == 0 ? 1 : 0);
    thresholds.push_back(static_cast<float>(static_cast<int>(random() % 9)) * 0.25F - 1);
    if (depth == 0 || random() % 4 == 0) {
      modes.emplace_back("LEAF");
      for (unsigned votes = random() % 3; votes > 0; --votes) {
        vote_trees.push_back(tree), vote_nodes.push_back(number);
        vote_targets.push_back(static_cast<int64_t>(random() % static_cast<unsigned>(targets)));
        vote_weights.push_back(static_cast<float>(random() % 1000) * 0.001F - 0.5F);
      }
      return place;
    }
    modes.push_back(allowed[random() % allowed.size()]);
    const size_t yes = grow(random, tree, depth - 1, feature_count, targets, allowed);
    const size_t no = grow(random, tree, depth - 1, feature_count, targets, allowed);
    if_true[place] = nodes[yes], if_false[place] = nodes[no];
    return place;
  }

  bool holds(size_t i, float value) const {
    if (missing_true[i] == 1 && std::isnan(value)) return true;
    const float t = thresholds[i];
    const std::string& mode = modes[i];
    return mode == "BRANCH_LEQ"   ? value <= t
           : mode == "BRANCH_LT"  ? value < t
           : mode == "BRANCH_GTE" ? value >= t
           : mode == "BRANCH_GT"  ? value > t
           : mode == "BRANCH_EQ"  ? value == t
                                  : value != t;
  }

  std::vector<float> answer(const float* row, int64_t targets) const {
    std::vector<float> sums(static_cast<size_t>(targets), 0);
    for (size_t root = 0; root < nodes.size(); ++root) {
      if (nodes[root] != 0) continue;
      size_t at = root;
      while (modes[at] != "LEAF") {
        at = root + static_cast<size_t>(holds(at, row[features[at]]) ? if_true[at] : if_false[at]);
      }
      for (size_t v = 0; v < vote_nodes.size(); ++v) {
        if (vote_trees[v] != trees[at] || vote_nodes[v] != nodes[at]) continue;
        sums[static_cast<size_t>(vote_targets[v])] += vote_weights[v];
      }
    }
    return sums;
  }

  Graph graph(int64_t targets) const {
    const auto ints = [](const char* name, const std::vector<int64_t>& list) {
      return attribute(name, AttributeType::ints, list);
    };
    const auto floats = [](const char* name, const std::vector<float>& list) {
      return attribute(name, AttributeType::floats, list);
    };
    Graph graph;
    add_input(graph, "x", Type::tensor(DType::f32));
    add_node(
        graph, "TreeEnsembleRegressor", {"x"}, {"y"},
        {attribute("n_targets", targets), ints("nodes_treeids", trees), ints("nodes_nodeids", nodes),
         ints("nodes_featureids", features), ints("nodes_truenodeids", if_true), ints("nodes_falsenodeids", if_false),
         ints("nodes_missing_value_tracks_true", missing_true), attribute("nodes_modes", AttributeType::strings, modes),
         floats("nodes_values", thresholds), ints("target_treeids", vote_trees), ints("target_nodeids", vote_nodes),
         ints("target_ids", vote_targets), floats("target_weights", vote_weights)},
        "ai.onnx.ml");
    add_output(graph, "y");
    return graph;
  }
};

Tensor random_rows(std::mt19937& random, int64_t rows, int64_t features) {
  Tensor x(DType::f32, {rows, features});
  for (float& element : x.mutable_elements<float>()) {
    element = random() % 10 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                 : static_cast<float>(static_cast<int>(random() % 17)) * 0.125F - 1;
  }
  return x;
}

TEST(TreeEnsemble, GivesWhatEachTreeSays) {
  std::mt19937 random(17);
  const std::vector<std::vector<std::string>> modes = {{"BRANCH_LEQ"},
                                                       {"BRANCH_LT"},
                                                       {"BRANCH_GTE"},
                                                       {"BRANCH_GT"},
                                                       {"BRANCH_EQ"},
                                                       {"BRANCH_NEQ"},
                                                       {"BRANCH_LEQ", "BRANCH_GT", "BRANCH_EQ"}};
  for (int round = 0; round < 60; ++round) {
    const auto features = static_cast<int64_t>(1 + random() % 6), targets = static_cast<int64_t>(1 + random() % 4);
    RandomTrees trees;
    const auto count = static_cast<int64_t>(1 + random() % 20);
    const std::vector<std::string>& allowed = modes[random() % modes.size()];
    for (int64_t tree = 0; tree < count; ++tree) {
      trees.grow(random, tree, static_cast<int>(random() % 9), features, targets, allowed);
    }
    if (round % 2 == 0) std::fill(trees.missing_true.begin(), trees.missing_true.end(), 0);
    ModelDef model = model_of(trees.graph(targets));
    model.opset_imports["ai.onnx.ml"] = 3;
    Context context(EngineDef::create(std::move(model)));
    for (const int64_t rows : {int64_t{1}, int64_t{5}, static_cast<int64_t>(random() % 300)}) {
      const Tensor x = random_rows(random, rows, features);
      const Feed feeds[] = {{"x", x}};
      const size_t outputs[] = {0};
      const Tensor y = context.run(feeds, outputs).front().tensor();
      ASSERT_EQ(y.shape(), (Shape{rows, targets}));
      for (int64_t row = 0; row < rows; ++row) {
        const std::vector<float> expected = trees.answer(x.data<float>() + row * features, targets);
        for (int64_t k = 0; k < targets; ++k) {
          ASSERT_EQ(y.data<float>()[row * targets + k], expected[static_cast<size_t>(k)]) << "row " << row;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kiln::test
