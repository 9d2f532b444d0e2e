#include "builder/pbqp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/rng.hpp"

namespace kiln {
namespace {

struct Network {
  struct Edge {
    size_t a, b;
    Pbqp::Costs costs;
  };
  std::vector<Pbqp::Costs> nodes;
  std::vector<Edge> edges;

  double cost(const std::vector<size_t>& chosen) const {
    double sum = 0;
    for (size_t i = 0; i < nodes.size(); ++i) sum += nodes[i][chosen[i]];
    for (const Edge& e : edges) sum += e.costs[chosen[e.a] * nodes[e.b].size() + chosen[e.b]];
    return sum;
  }
  std::vector<size_t> solve() const {
    Pbqp pbqp;
    for (const Pbqp::Costs& costs : nodes) pbqp.add_node(costs);
    for (const Edge& e : edges) pbqp.add_edge(e.a, e.b, e.costs);
    return pbqp.solve();
  }
  /// By trying everything.
  double least() const {
    std::vector<size_t> chosen(nodes.size(), 0);
    double best = std::numeric_limits<double>::infinity();
    for (;;) {
      best = std::min(best, cost(chosen));
      size_t i = 0;
      while (i < nodes.size() && ++chosen[i] == nodes[i].size()) chosen[i++] = 0;
      if (i == nodes.size()) return best;
    }
  }
};

Pbqp::Costs random_costs(Philox& random, size_t count) {
  Pbqp::Costs costs;
  for (size_t i = 0; i < count; ++i) costs.push_back(static_cast<double>(random.below(100)));
  return costs;
}

Network random_nodes(Philox& random, size_t count) {
  Network network;
  for (size_t i = 0; i < count; ++i) network.nodes.push_back(random_costs(random, 1 + random.below(4)));
  return network;
}

void join(Network& network, Philox& random, size_t a, size_t b) {
  network.edges.push_back({a, b, random_costs(random, network.nodes[a].size() * network.nodes[b].size())});
}

/// Node i hangs on one earlier node, or on both ends of an earlier edge: what reductions solve exactly.
TEST(Pbqp, SolvesSeriesParallelGraphsExactly) {
  Philox random(1);
  for (int round = 0; round < 300; ++round) {
    Network network = random_nodes(random, 2 + random.below(6));
    join(network, random, 0, 1);
    for (size_t i = 2; i < network.nodes.size(); ++i) {
      const Network::Edge edge = network.edges[random.below(network.edges.size())];
      join(network, random, edge.a, i);
      if (random.below(2) == 0) join(network, random, i, edge.b);
    }
    EXPECT_DOUBLE_EQ(network.cost(network.solve()), network.least()) << "round " << round;
  }
}

TEST(Pbqp, ComesNearTheBestForAnyGraph) {
  Philox random(2);
  double found = 0, best = 0;
  for (int round = 0; round < 200; ++round) {
    Network network = random_nodes(random, 2 + random.below(5));
    for (size_t a = 0; a < network.nodes.size(); ++a) {
      for (size_t b = a + 1; b < network.nodes.size(); ++b) {
        if (random.below(4) != 0) join(network, random, a, b);
      }
    }
    const double cost = network.cost(network.solve()), least = network.least();
    EXPECT_GE(cost, least);
    found += cost, best += least;
  }
  EXPECT_LT(found, 1.1 * best);
}

TEST(Pbqp, EdgesBetweenTheSameNodesAddUp) {
  Network network;
  network.nodes = {{0, 0}, {0, 0}};
  network.edges = {{0, 1, {5, 0, 0, 5}}, {1, 0, {0, 0, 7, 0}}, {0, 0, {0, 9, 9, 1}}};
  EXPECT_DOUBLE_EQ(network.cost(network.solve()), network.least());
}

TEST(Pbqp, ImpossiblePairsAreNotTaken) {
  Network network;
  const double never = std::numeric_limits<double>::infinity();
  network.nodes = {{0, 10}, {0, 10}, {0, 0}};
  network.edges = {{0, 1, {never, never, never, 0}}, {1, 2, {1, 2, 4, 3}}};
  EXPECT_EQ(network.solve(), (std::vector<size_t>{1, 1, 1}));
}

}  // namespace
}  // namespace kiln
