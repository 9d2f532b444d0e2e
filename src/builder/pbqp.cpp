#include "builder/pbqp.hpp"

#include <algorithm>
#include <limits>

namespace kiln {

size_t Pbqp::add_node(Costs costs) {
  nodes_.push_back(std::move(costs));
  of_node_.emplace_back();
  return nodes_.size() - 1;
}

size_t Pbqp::other_end(size_t edge, size_t node) const {
  return edges_[edge].a == node ? edges_[edge].b : edges_[edge].a;
}

double& Pbqp::cost(size_t edge, size_t node, size_t choice, size_t other_choice) {
  Edge& e = edges_[edge];
  const size_t wide = nodes_[e.b].size();
  return e.a == node ? e.costs[choice * wide + other_choice] : e.costs[other_choice * wide + choice];
}

void Pbqp::add_edge(size_t a, size_t b, const Costs& costs) {
  if (a == b) {
    for (size_t i = 0; i < nodes_[a].size(); ++i) nodes_[a][i] += costs[i * nodes_[a].size() + i];
    return;
  }
  for (size_t edge : of_node_[a]) {
    if (other_end(edge, a) != b) continue;
    for (size_t i = 0; i < nodes_[a].size(); ++i) {
      for (size_t j = 0; j < nodes_[b].size(); ++j) cost(edge, a, i, j) += costs[i * nodes_[b].size() + j];
    }
    return;
  }
  edges_.push_back({a, b, costs});
  of_node_[a].push_back(edges_.size() - 1);
  of_node_[b].push_back(edges_.size() - 1);
}

void Pbqp::detach(size_t edge) {
  for (size_t node : {edges_[edge].a, edges_[edge].b}) std::erase(of_node_[node], edge);
}

/// A node with one neighbour: what it would cost goes onto the neighbour's choices.
void Pbqp::reduce_one(size_t node) {
  const size_t edge = of_node_[node].front(), other = other_end(edge, node);
  for (size_t j = 0; j < nodes_[other].size(); ++j) {
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < nodes_[node].size(); ++i) least = std::min(least, nodes_[node][i] + cost(edge, node, i, j));
    nodes_[other][j] += least;
  }
  reduced_.emplace_back(node, std::vector<size_t>{edge});
  detach(edge);
}

/// A node with two: what it would cost goes onto an edge between them.
void Pbqp::reduce_two(size_t node) {
  const size_t e = of_node_[node][0], f = of_node_[node][1];
  const size_t a = other_end(e, node), b = other_end(f, node);
  Costs between(nodes_[a].size() * nodes_[b].size());
  for (size_t i = 0; i < nodes_[a].size(); ++i) {
    for (size_t j = 0; j < nodes_[b].size(); ++j) {
      double least = std::numeric_limits<double>::infinity();
      for (size_t k = 0; k < nodes_[node].size(); ++k) {
        least = std::min(least, nodes_[node][k] + cost(e, node, k, i) + cost(f, node, k, j));
      }
      between[i * nodes_[b].size() + j] = least;
    }
  }
  reduced_.emplace_back(node, std::vector<size_t>{e, f});
  detach(e);
  detach(f);
  add_edge(a, b, between);
}

/// A node with more: it takes the choice that is best if each neighbour may still choose freely.
void Pbqp::reduce_many(size_t node) {
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < nodes_[node].size(); ++i) {
    double sum = nodes_[node][i];
    for (size_t edge : of_node_[node]) {
      const size_t other = other_end(edge, node);
      double cheapest = std::numeric_limits<double>::infinity();
      for (size_t j = 0; j < nodes_[other].size(); ++j) {
        cheapest = std::min(cheapest, nodes_[other][j] + cost(edge, node, i, j));
      }
      sum += cheapest;
    }
    if (sum < least) least = sum, best = i;
  }
  for (size_t i = 0; i < nodes_[node].size(); ++i) {
    if (i != best) nodes_[node][i] = std::numeric_limits<double>::infinity();
  }
  const std::vector<size_t> edges = of_node_[node];
  for (size_t edge : edges) {
    const size_t other = other_end(edge, node);
    for (size_t j = 0; j < nodes_[other].size(); ++j) nodes_[other][j] += cost(edge, node, best, j);
    detach(edge);
  }
  reduced_.emplace_back(node, std::vector<size_t>{});
}

size_t Pbqp::best_choice(size_t node, const std::vector<size_t>& chosen) const {
  const auto& edges = reduced_.back().second;
  size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < nodes_[node].size(); ++i) {
    double sum = nodes_[node][i];
    for (size_t edge : edges) {
      const size_t j = chosen[other_end(edge, node)];
      sum += const_cast<Pbqp*>(this)->cost(edge, node, i, j);
    }
    if (sum < least) least = sum, best = i;
  }
  return best;
}

std::vector<size_t> Pbqp::solve() {
  std::vector<bool> live(nodes_.size(), true);
  for (size_t left = nodes_.size(); left > 0; --left) {
    size_t next = nodes_.size(), busiest = nodes_.size();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!live[i]) continue;
      if (next == nodes_.size() || of_node_[i].size() < of_node_[next].size()) next = i;
      if (busiest == nodes_.size() || of_node_[i].size() > of_node_[busiest].size()) busiest = i;
      if (of_node_[next].empty()) break;
    }
    const size_t degree = of_node_[next].size(), node = degree > 2 ? busiest : next;
    live[node] = false;
    if (degree == 0) {
      reduced_.emplace_back(node, std::vector<size_t>{});
    } else if (degree == 1) {
      reduce_one(node);
    } else if (degree == 2) {
      reduce_two(node);
    } else {
      reduce_many(node);
    }
  }
  std::vector<size_t> chosen(nodes_.size(), 0);
  for (; !reduced_.empty(); reduced_.pop_back()) {
    const size_t node = reduced_.back().first;
    chosen[node] = best_choice(node, chosen);
  }
  return chosen;
}

}  // namespace kiln
