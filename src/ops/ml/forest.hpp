#pragma once

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
  /// Fails when a node asks for a feature that rows of so many features lack.
  void check_features(int64_t features) const;

  /// Where the walk through each tree starts.
  const std::vector<int64_t>& roots() const { return roots_; }
  size_t find_leaf(int64_t start, const T* row) const;
  std::span<const Vote<T>> votes_of(size_t leaf) const {
    return {votes_.data() + vote_starts_[leaf], vote_starts_[leaf + 1] - vote_starts_[leaf]};
  }

 private:
  enum class Mode : uint8_t { leq, lt, gte, gt, eq, neq, member };
  struct Node {
    Mode mode = Mode::leq;
    bool missing_true = false;
    int64_t feature = 0;
    T threshold = 0;
    std::vector<T> members;             ///< sorted, of a set membership node
    int64_t if_true = 0, if_false = 0;  ///< a node's place, or ~place of a leaf
  };
  static Mode mode_from(const std::string& name);
  static bool holds(const Node& node, T value);
  void set_votes(std::vector<std::vector<Vote<T>>> votes);
  void check_walks() const;

  int64_t targets_;
  std::vector<Node> nodes_;
  std::vector<int64_t> roots_;
  std::vector<size_t> vote_starts_;
  std::vector<Vote<T>> votes_;
};

extern template class Forest<float>;
extern template class Forest<double>;

}  // namespace kiln::ops
