#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kiln/tensor.hpp"

namespace kiln::ops {

/// A tensor of f32, f64, f16 or bf16 as doubles.
std::vector<double> tree_numbers(const Tensor& tensor);

/// Trees as TreeEnsembleClassifier and TreeEnsembleRegressor describe them: inner nodes and leaves in one list, named
/// by a tree's and a node's number; the votes of the leaves in another.
struct TreeAttributes {
  std::span<const int64_t> tree_ids, node_ids, features, true_ids, false_ids, missing_true;
  std::span<const std::string> modes;
  std::vector<double> thresholds;
  std::span<const int64_t> vote_tree_ids, vote_node_ids, vote_targets;
  std::vector<double> vote_weights;
};

/// Trees as TreeEnsemble describes them: inner nodes in one list, leaves in another.
struct LeafAttributes {
  std::span<const int64_t> roots, features, true_ids, false_ids, true_leaves, false_leaves, missing_true;
  Tensor modes;
  std::vector<double> thresholds, members;
  std::span<const int64_t> targets;
  std::vector<double> weights;
  /// Fails where the lists are not of the lengths that they must have.
  void check() const;
};

template <class T>
struct Vote {
  size_t target;
  T weight;
};

/// Trees made ready to be walked: every branch leads to a node or a leaf that exists, and no walk goes round.
template <class T>
class Forest {
 public:
  Forest(const TreeAttributes& attributes, int64_t targets);
  Forest(const LeafAttributes& attributes, int64_t targets);

  int64_t targets() const { return targets_; }
  int64_t trees() const { return static_cast<int64_t>(roots_.size()); }
  /// Fails when a node asks for a feature that rows of so many features lack.
  void check_features(int64_t features) const;

  /// Calls visit(row, votes of the leaf) for every row and tree; for one row in the order of the trees.
  template <class Visit>
  void walk(const T* rows, int64_t features, int64_t count, Visit&& visit) const {
    std::array<int64_t, lanes> leaves;
    const Descend descend = descend_for(rows, features * count);
    if (count < lanes) {
      for (int64_t row = 0; row < count; ++row) {
        for (int64_t tree = 0; tree < trees(); tree += lanes) {
          const int64_t some = std::min(lanes, trees() - tree);
          find_leaves(rows + row * features, 0, roots_.data() + tree, 1, some, descend, leaves.data());
          for (int64_t i = 0; i < some; ++i) visit(row, votes_of(leaves[static_cast<size_t>(i)]));
        }
      }
      return;
    }
    for (const int64_t& root : roots_) {
      for (int64_t row = 0; row < count; row += lanes) {
        const int64_t some = std::min(lanes, count - row);
        find_leaves(rows + row * features, features, &root, 0, some, descend, leaves.data());
        for (int64_t i = 0; i < some; ++i) visit(row + i, votes_of(leaves[static_cast<size_t>(i)]));
      }
    }
  }

 private:
  /// Walks that are under way side by side.
  static constexpr int64_t lanes = 8;
  enum class Mode : uint8_t { leq, lt, gte, gt, eq, neq, member };
  struct Node {
    Mode mode = Mode::leq;
    bool missing_true = false;
    int64_t feature = 0;
    T threshold = 0;
    std::vector<T> members;             ///< sorted, of a set membership node
    int64_t if_true = 0, if_false = 0;  ///< a node's place, or ~place of a leaf
  };
  /// A node where all have one mode that compares. A leaf leads to itself.
  struct FlatNode {
    T threshold = 0;
    uint32_t feature : 31 = 0;
    uint32_t missing_true : 1 = 0;
    std::array<int32_t, 2> next{};  ///< if it does not hold, if it does
  };
  using Descend = void (*)(const FlatNode* nodes, int depth, const T* const* rows, int32_t* places);

  static Mode mode_from(const std::string& name);
  static bool holds(const Node& node, T value);
  void set_votes(std::vector<std::vector<Vote<T>>> votes);
  void finish();
  int check_walks() const;
  void flatten(int depth);
  template <bool missing>
  static Descend descend_by(Mode mode);

  std::span<const Vote<T>> votes_of(int64_t leaf) const {
    const auto place = static_cast<size_t>(leaf);
    return {votes_.data() + vote_starts_[place], vote_starts_[place + 1] - vote_starts_[place]};
  }
  /// The leaves of at most `lanes` walks; walk i is of row i * row_step from root i * root_step on.
  void find_leaves(const T* row, int64_t row_step, const int64_t* roots, int64_t root_step, int64_t count,
                   Descend descend, int64_t* leaves) const;
  /// Null where nodes are not flat.
  Descend descend_for(const T* elements, int64_t count) const;
  int64_t find_leaf(int64_t start, const T* row) const;

  int64_t targets_;
  int64_t least_feature_ = 0, most_feature_ = -1;
  std::vector<Node> nodes_;     ///< none where they are flat
  std::vector<FlatNode> flat_;  ///< nodes, then leaves
  int32_t first_leaf_ = 0;
  int depth_ = 0;
  Descend descend_ = nullptr;          ///< where no element is missing
  Descend descend_missing_ = nullptr;  ///< null where missing elements are as others
  std::vector<int64_t> roots_;         ///< as a node's branches
  std::vector<size_t> vote_starts_;
  std::vector<Vote<T>> votes_;
};

extern template class Forest<float>;
extern template class Forest<double>;

}  // namespace kiln::ops
