#include "ops/ml/forest.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "base/error.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

void expect_length(size_t found, size_t expected, const char* name, bool optional = false) {
  if (found == expected || (optional && found == 0)) return;
  fail(ErrorCode::invalid_model, "{} has {} elements, expected {}", name, found, expected);
}

template <class T>
Vote<T> make_vote(int64_t target, double weight, int64_t targets) {
  if (target < 0 || target >= targets) {
    fail(ErrorCode::invalid_model, "a leaf votes for target {}, and there are {}", target, targets);
  }
  return {static_cast<size_t>(target), static_cast<T>(weight)};
}

}  // namespace

std::vector<double> tree_numbers(const Tensor& tensor) {
  const Tensor aligned = tensor.is_aligned() ? tensor : tensor.clone();
  std::vector<double> numbers;
  dispatch(FloatTypes{}, tensor.dtype(), [&]<class T>() {
    for (const T& element : aligned.elements<T>()) numbers.push_back(static_cast<double>(element));
  });
  return numbers;
}

void LeafAttributes::check() const {
  const size_t count = thresholds.size();
  expect_length(features.size(), count, "nodes_featureids");
  expect_length(static_cast<size_t>(modes.size()), count, "nodes_modes");
  expect_length(true_ids.size(), count, "nodes_truenodeids");
  expect_length(false_ids.size(), count, "nodes_falsenodeids");
  expect_length(true_leaves.size(), count, "nodes_trueleafs");
  expect_length(false_leaves.size(), count, "nodes_falseleafs");
  expect_length(missing_true.size(), count, "nodes_missing_value_tracks_true", true);
  expect_length(targets.size(), weights.size(), "leaf_targetids");
  if (modes.dtype() != DType::u8) {
    fail(ErrorCode::invalid_model, "nodes_modes must be of type u8, found {}", dtype_name(modes.dtype()));
  }
}

template <class T>
typename Forest<T>::Mode Forest<T>::mode_from(const std::string& name) {
  if (name == "BRANCH_LEQ") return Mode::leq;
  if (name == "BRANCH_LT") return Mode::lt;
  if (name == "BRANCH_GTE") return Mode::gte;
  if (name == "BRANCH_GT") return Mode::gt;
  if (name == "BRANCH_EQ") return Mode::eq;
  if (name == "BRANCH_NEQ") return Mode::neq;
  fail(ErrorCode::invalid_model, "a node's mode is '{}'", name);
}

template <class T>
Forest<T>::Forest(const TreeAttributes& a, int64_t targets) : targets_(targets) {
  const size_t count = a.node_ids.size();
  expect_length(a.tree_ids.size(), count, "nodes_treeids");
  expect_length(a.features.size(), count, "nodes_featureids");
  expect_length(a.modes.size(), count, "nodes_modes");
  expect_length(a.true_ids.size(), count, "nodes_truenodeids");
  expect_length(a.false_ids.size(), count, "nodes_falsenodeids");
  expect_length(a.thresholds.size(), count, "nodes_values");
  expect_length(a.missing_true.size(), count, "nodes_missing_value_tracks_true", true);
  expect_length(a.vote_tree_ids.size(), a.vote_targets.size(), "the tree ids of the votes");
  expect_length(a.vote_node_ids.size(), a.vote_targets.size(), "the node ids of the votes");
  expect_length(a.vote_weights.size(), a.vote_targets.size(), "the weights of the votes");

  std::map<std::pair<int64_t, int64_t>, int64_t> places;  // (tree, node) -> a node's place, or ~place of a leaf
  std::vector<size_t> inner;
  int64_t leaves = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool leaf = a.modes[i] == "LEAF";
    const int64_t place = leaf ? ~leaves++ : static_cast<int64_t>(inner.size());
    if (!leaf) inner.push_back(i);
    if (!places.try_emplace({a.tree_ids[i], a.node_ids[i]}, place).second) {
      fail(ErrorCode::invalid_model, "node {} of tree {} stands there twice", a.node_ids[i], a.tree_ids[i]);
    }
    if (i == 0 || a.tree_ids[i] != a.tree_ids[i - 1]) roots_.push_back(place);
  }
  const auto find = [&](int64_t tree, int64_t node) {
    const auto place = places.find({tree, node});
    if (place == places.end()) fail(ErrorCode::invalid_model, "tree {} has no node {}", tree, node);
    return place->second;
  };
  for (size_t i : inner) {
    nodes_.push_back({.mode = mode_from(a.modes[i]),
                      .missing_true = !a.missing_true.empty() && a.missing_true[i] == 1,
                      .feature = a.features[i],
                      .threshold = static_cast<T>(a.thresholds[i]),
                      .members = {},
                      .if_true = find(a.tree_ids[i], a.true_ids[i]),
                      .if_false = find(a.tree_ids[i], a.false_ids[i])});
  }
  std::vector<std::vector<Vote<T>>> votes(static_cast<size_t>(leaves));
  for (size_t i = 0; i < a.vote_targets.size(); ++i) {
    const int64_t place = find(a.vote_tree_ids[i], a.vote_node_ids[i]);
    const Vote<T> vote = make_vote<T>(a.vote_targets[i], a.vote_weights[i], targets);
    if (place < 0) votes[static_cast<size_t>(~place)].push_back(vote);
  }
  set_votes(std::move(votes));
  finish();
}

template <class T>
Forest<T>::Forest(const LeafAttributes& a, int64_t targets) : targets_(targets) {
  a.check();
  const auto branch = [&](int64_t place, int64_t is_leaf) {
    const size_t limit = is_leaf ? a.targets.size() : a.features.size();
    if (place < 0 || static_cast<size_t>(place) >= limit) {
      fail(ErrorCode::invalid_model, "a branch leads to {} {}, and there are {}", is_leaf ? "leaf" : "node", place,
           limit);
    }
    return is_leaf ? ~place : place;
  };
  const Tensor modes = a.modes.is_aligned() ? a.modes : a.modes.clone();
  auto member = a.members.begin();
  for (size_t i = 0; i < a.features.size(); ++i) {
    const uint8_t mode = modes.data<uint8_t>()[i];
    if (mode > static_cast<uint8_t>(Mode::member)) {
      fail(ErrorCode::invalid_model, "nodes_modes holds {}, expected 0 to 6", mode);
    }
    Node node{.mode = static_cast<Mode>(mode),
              .missing_true = !a.missing_true.empty() && a.missing_true[i] != 0,
              .feature = a.features[i],
              .threshold = static_cast<T>(a.thresholds[i]),
              .members = {},
              .if_true = branch(a.true_ids[i], a.true_leaves[i]),
              .if_false = branch(a.false_ids[i], a.false_leaves[i])};
    if (node.mode == Mode::member) {
      if (member == a.members.end()) {
        fail(ErrorCode::invalid_model,
             "membership_values has too few sets, which NaNs divide, for the nodes that ask "
             "for membership");
      }
      for (; member != a.members.end() && !std::isnan(*member); ++member) {
        node.members.push_back(static_cast<T>(*member));
      }
      if (member != a.members.end()) ++member;
      std::sort(node.members.begin(), node.members.end());
    }
    nodes_.push_back(std::move(node));
  }
  for (int64_t root : a.roots) roots_.push_back(branch(root, 0));
  std::vector<std::vector<Vote<T>>> votes;
  for (size_t i = 0; i < a.targets.size(); ++i) votes.push_back({make_vote<T>(a.targets[i], a.weights[i], targets)});
  set_votes(std::move(votes));
  finish();
}

template <class T>
void Forest<T>::set_votes(std::vector<std::vector<Vote<T>>> votes) {
  vote_starts_.push_back(0);
  for (const auto& leaf : votes) {
    votes_.insert(votes_.end(), leaf.begin(), leaf.end());
    vote_starts_.push_back(votes_.size());
  }
}

template <class T>
void Forest<T>::finish() {
  for (const Node& node : nodes_) {
    least_feature_ = std::min(least_feature_, node.feature);
    most_feature_ = std::max(most_feature_, node.feature);
  }
  flatten(check_walks());
}

/// Looks for a way round by walking in depth: a node that is met again while its own branches are walked. Gives the
/// most nodes that a walk meets.
template <class T>
int Forest<T>::check_walks() const {
  enum class State : uint8_t { fresh, open, done };
  std::vector<State> states(nodes_.size(), State::fresh);
  std::vector<int> heights(nodes_.size(), 0);
  const auto height = [&](int64_t place) { return place < 0 ? 0 : heights[static_cast<size_t>(place)]; };
  std::vector<int64_t> stack;
  int highest = 0;
  for (int64_t root : roots_) {
    stack.push_back(root);
    while (!stack.empty()) {
      const int64_t place = stack.back();
      if (place < 0 || states[static_cast<size_t>(place)] == State::done) {
        stack.pop_back();
        continue;
      }
      State& state = states[static_cast<size_t>(place)];
      const Node& node = nodes_[static_cast<size_t>(place)];
      if (state == State::open) {
        state = State::done;
        heights[static_cast<size_t>(place)] = 1 + std::max(height(node.if_true), height(node.if_false));
        stack.pop_back();
        continue;
      }
      state = State::open;
      for (int64_t next : {node.if_true, node.if_false}) {
        if (next >= 0 && states[static_cast<size_t>(next)] == State::open) {
          fail(ErrorCode::invalid_model, "the branches of a tree lead round in a circle");
        }
        stack.push_back(next);
      }
    }
    highest = std::max(highest, height(root));
  }
  return highest;
}

namespace {

/// Several walks, each a node further in turn, so that none waits for another's memory.
template <class Node, class T, int64_t lanes, class Compare, bool missing>
void descend(const Node* nodes, int depth, const T* const* rows, int32_t* places) {
  constexpr int steps_between_looks = 4;
  std::array<int32_t, lanes> at;
  std::array<const T*, lanes> row;
  std::copy_n(places, lanes, at.begin());
  std::copy_n(rows, lanes, row.begin());
  for (int done = 0; done < depth; done += steps_between_looks) {
    int32_t moved = 0;
    for (int step = 0; step < steps_between_looks; ++step) {
      moved = 0;
#pragma GCC unroll 8
      for (size_t lane = 0; lane < lanes; ++lane) {
        const Node& node = nodes[at[lane]];
        const T value = row[lane][node.feature];
        unsigned holds = Compare()(value, node.threshold) ? 1 : 0;
        if constexpr (missing) holds |= node.missing_true & (std::isnan(value) ? 1U : 0U);
        const int32_t next = node.next[holds];
        moved |= next ^ at[lane];
        at[lane] = next;
      }
    }
    if (moved == 0) break;
  }
  std::copy(at.begin(), at.end(), places);
}

}  // namespace

template <class T>
template <bool missing>
typename Forest<T>::Descend Forest<T>::descend_by(Mode mode) {
  switch (mode) {
    case Mode::leq: return descend<FlatNode, T, lanes, std::less_equal<>, missing>;
    case Mode::lt: return descend<FlatNode, T, lanes, std::less<>, missing>;
    case Mode::gte: return descend<FlatNode, T, lanes, std::greater_equal<>, missing>;
    case Mode::gt: return descend<FlatNode, T, lanes, std::greater<>, missing>;
    case Mode::eq: return descend<FlatNode, T, lanes, std::equal_to<>, missing>;
    case Mode::neq: return descend<FlatNode, T, lanes, std::not_equal_to<>, missing>;
    case Mode::member: return nullptr;
  }
  return nullptr;
}

/// Puts nodes and leaves into one list of small nodes, where that is possible.
template <class T>
void Forest<T>::flatten(int depth) {
  const size_t leaves = vote_starts_.size() - 1;
  const Mode mode = nodes_.empty() ? Mode::leq : nodes_.front().mode;
  const auto differs = [&](const Node& node) { return node.mode != mode; };
  constexpr auto most = static_cast<int64_t>(std::numeric_limits<int32_t>::max());
  if (mode == Mode::member || least_feature_ < 0 || most_feature_ > most ||
      nodes_.size() + leaves > static_cast<size_t>(most) || std::any_of(nodes_.begin(), nodes_.end(), differs)) {
    return;
  }
  first_leaf_ = static_cast<int32_t>(nodes_.size());
  depth_ = depth;
  const auto place = [&](int64_t branch) { return static_cast<int32_t>(branch >= 0 ? branch : first_leaf_ + ~branch); };
  bool missing = false;
  flat_.reserve(nodes_.size() + leaves);
  for (const Node& node : nodes_) {
    flat_.push_back({.threshold = node.threshold,
                     .feature = static_cast<uint32_t>(node.feature) & 0x7fffffffU,
                     .missing_true = node.missing_true ? 1U : 0U,
                     .next = {place(node.if_false), place(node.if_true)}});
    missing |= node.missing_true;
  }
  for (size_t i = 0; i < leaves; ++i) {
    const auto itself = static_cast<int32_t>(flat_.size());
    flat_.push_back({.next = {itself, itself}});
  }
  descend_ = descend_by<false>(mode);
  if (missing) descend_missing_ = descend_by<true>(mode);
  nodes_ = {};
}

template <class T>
void Forest<T>::check_features(int64_t features) const {
  if (least_feature_ >= 0 && most_feature_ < features) return;
  fail(ErrorCode::invalid_argument, "a tree asks for feature {}, and the input has {}",
       least_feature_ < 0 ? least_feature_ : most_feature_, features);
}

template <class T>
bool Forest<T>::holds(const Node& node, T value) {
  if (node.missing_true && std::isnan(value)) return true;
  switch (node.mode) {
    case Mode::leq: return value <= node.threshold;
    case Mode::lt: return value < node.threshold;
    case Mode::gte: return value >= node.threshold;
    case Mode::gt: return value > node.threshold;
    case Mode::eq: return value == node.threshold;
    case Mode::neq: return value != node.threshold;
    case Mode::member: return !std::isnan(value) && std::binary_search(node.members.begin(), node.members.end(), value);
  }
  return false;
}

template <class T>
int64_t Forest<T>::find_leaf(int64_t start, const T* row) const {
  int64_t place = start;
  while (place >= 0) {
    const Node& node = nodes_[static_cast<size_t>(place)];
    place = holds(node, row[node.feature]) ? node.if_true : node.if_false;
  }
  return ~place;
}

template <class T>
typename Forest<T>::Descend Forest<T>::descend_for(const T* elements, int64_t count) const {
  if (descend_missing_ == nullptr) return descend_;
  const auto is_missing = [](T element) { return std::isnan(element); };
  return std::any_of(elements, elements + count, is_missing) ? descend_missing_ : descend_;
}

template <class T>
void Forest<T>::find_leaves(const T* row, int64_t row_step, const int64_t* roots, int64_t root_step, int64_t count,
                            Descend descend, int64_t* leaves) const {
  if (descend == nullptr) {
    for (int64_t i = 0; i < count; ++i) leaves[i] = find_leaf(roots[i * root_step], row + i * row_step);
    return;
  }
  std::array<const T*, lanes> rows;
  std::array<int32_t, lanes> places;
  for (int64_t i = 0; i < lanes; ++i) {
    // Lanes without a walk of their own go with the first one.
    const int64_t from = i < count ? i : 0, root = roots[from * root_step];
    rows[static_cast<size_t>(i)] = row + from * row_step;
    places[static_cast<size_t>(i)] = static_cast<int32_t>(root >= 0 ? root : first_leaf_ + ~root);
  }
  descend(flat_.data(), depth_, rows.data(), places.data());
  for (int64_t i = 0; i < count; ++i) leaves[i] = places[static_cast<size_t>(i)] - first_leaf_;
}

template class Forest<float>;
template class Forest<double>;

}  // namespace kiln::ops
