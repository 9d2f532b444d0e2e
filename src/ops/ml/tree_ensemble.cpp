#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/ml/forest.hpp"
#include "ops/ml/scores.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tree_ensemble_versions[] = {
    {5, "X:T -> Y:T",
     "aggregate_function:int=1 leaf_targetids!:ints leaf_weights!:tensor membership_values:tensor "
     "n_targets:int nodes_falseleafs!:ints nodes_falsenodeids!:ints nodes_featureids!:ints "
     "nodes_hitrates:tensor nodes_missing_value_tracks_true:ints nodes_modes!:tensor nodes_splits!:tensor "
     "nodes_trueleafs!:ints nodes_truenodeids!:ints post_transform:int=0 tree_roots!:ints",
     "T=real"},
};

constexpr SchemaText tree_ensemble_classifier_versions[] = {
    {1, "X:T1 -> Y:T2 Z:f32",
     "base_values:floats class_ids:ints class_nodeids:ints class_treeids:ints class_weights:floats "
     "classlabels_int64s:ints classlabels_strings:strings nodes_falsenodeids:ints nodes_featureids:ints "
     "nodes_hitrates:floats nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints "
     "nodes_treeids:ints nodes_truenodeids:ints nodes_values:floats post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64"},
    {3, "X:T1 -> Y:T2 Z:f32",
     "base_values:floats base_values_as_tensor:tensor class_ids:ints class_nodeids:ints class_treeids:ints "
     "class_weights:floats class_weights_as_tensor:tensor classlabels_int64s:ints classlabels_strings:strings "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64"},
    {5, "X:T1 -> Y:T2 Z:f32",
     "base_values:floats base_values_as_tensor:tensor class_ids:ints class_nodeids:ints class_treeids:ints "
     "class_weights:floats class_weights_as_tensor:tensor classlabels_int64s:ints classlabels_strings:strings "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64", true},
};

constexpr SchemaText tree_ensemble_regressor_versions[] = {
    {1, "X:T -> Y:f32",
     "aggregate_function:string=SUM base_values:floats n_targets:int nodes_falsenodeids:ints "
     "nodes_featureids:ints nodes_hitrates:floats nodes_missing_value_tracks_true:ints nodes_modes:strings "
     "nodes_nodeids:ints nodes_treeids:ints nodes_truenodeids:ints nodes_values:floats "
     "post_transform:string=NONE target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats",
     "T=f32,f64,i64,i32"},
    {3, "X:T -> Y:f32",
     "aggregate_function:string=SUM base_values:floats base_values_as_tensor:tensor n_targets:int "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE "
     "target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats "
     "target_weights_as_tensor:tensor",
     "T=f32,f64,i64,i32"},
    {5, "X:T -> Y:f32",
     "aggregate_function:string=SUM base_values:floats base_values_as_tensor:tensor n_targets:int "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE "
     "target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats "
     "target_weights_as_tensor:tensor",
     "T=f32,f64,i64,i32", true},
};

enum class Aggregate : uint8_t { average, sum, min, max };

Aggregate aggregate_from(std::string_view name) {
  if (name == "AVERAGE") return Aggregate::average;
  if (name == "SUM") return Aggregate::sum;
  if (name == "MIN") return Aggregate::min;
  if (name == "MAX") return Aggregate::max;
  fail(ErrorCode::invalid_model, "aggregate_function is '{}', expected AVERAGE, SUM, MIN or MAX", name);
}

/// The attribute `name` as floats, or `name`_as_tensor.
std::vector<double> read_numbers(const NodeView& node, const std::string& name) {
  if (node.has_attribute(name + "_as_tensor")) return tree_numbers(node.attr_tensor(name + "_as_tensor"));
  const auto floats = node.attr_floats(name);
  return {floats.begin(), floats.end()};
}

/// The votes for some rows, added up; a target that no leaf voted for has no score.
template <class T>
class Votes {
 public:
  static constexpr int64_t most_rows = 64;

  void count(const Forest<T>& forest, const T* rows, int64_t features, int64_t count, Aggregate aggregate) {
    targets_ = static_cast<size_t>(forest.targets());
    scores_.assign(static_cast<size_t>(count) * targets_, 0);
    has_.assign(scores_.size(), 0);
    const auto walk = [&](auto&& add) {
      forest.walk(rows, features, count, [&](int64_t row, std::span<const Vote<T>> votes) {
        const size_t begin = static_cast<size_t>(row) * targets_;
        for (const Vote<T>& vote : votes) {
          T& total = scores_[begin + vote.target];
          uint8_t& has = has_[begin + vote.target];
          total = add(total, vote.weight, has == 0);
          has = 1;
        }
      });
    };
    switch (aggregate) {
      case Aggregate::average:
      case Aggregate::sum: walk([](T total, T weight, bool) { return total + weight; }); break;
      case Aggregate::min:
        walk([](T total, T weight, bool first) { return first ? weight : std::min(total, weight); });
        break;
      case Aggregate::max:
        walk([](T total, T weight, bool first) { return first ? weight : std::max(total, weight); });
        break;
    }
    if (aggregate == Aggregate::average && forest.trees() > 0) {
      for (T& total : scores_) total /= static_cast<T>(forest.trees());
    }
  }

  std::span<T> score(int64_t row) { return {scores_.data() + static_cast<size_t>(row) * targets_, targets_}; }
  std::span<uint8_t> has(int64_t row) { return {has_.data() + static_cast<size_t>(row) * targets_, targets_}; }

 private:
  size_t targets_ = 0;
  std::vector<T> scores_;
  std::vector<uint8_t> has_;
};

/// Counts the votes of all rows, some at a time, on all threads: each(votes, first row, number of rows).
template <class T>
void count_votes(EvalContext& c, const Forest<T>& forest, const Rows<T>& rows, Aggregate aggregate, auto&& each) {
  constexpr int64_t guessed_depth = 8, nodes_worth_sharing = 32768;
  const int64_t grain = std::max<int64_t>(1, nodes_worth_sharing / (guessed_depth * (forest.trees() + 1)));
  c.parallel_for(rows.count, grain, [&](int64_t begin, int64_t end) {
    Votes<T> votes;
    for (int64_t first = begin; first < end; first += Votes<T>::most_rows) {
      const int64_t count = std::min(Votes<T>::most_rows, end - first);
      votes.count(forest, rows.row(first), rows.features, count, aggregate);
      each(votes, first, count);
    }
  });
}

/// The regressed row: base values added, scores transformed.
template <class T>
void regress(std::span<const T> score, const std::vector<double>& base, PostTransform transform,
             std::vector<float>& row) {
  row.clear();
  for (size_t k = 0; k < score.size(); ++k) {
    const T offset = base.size() == score.size() ? static_cast<T>(base[k]) : 0;
    row.push_back(static_cast<float>(base.size() == score.size() ? score[k] + offset : score[k]));
  }
  if (row.size() == 1) {
    expand_score(transform, row[0], SecondClass::none, row);
  } else {
    transform_scores(transform, row);
  }
}

template <class T>
Tensor run_regressor(EvalContext& c, const Forest<T>& forest, Aggregate aggregate, const std::vector<double>& base,
                     PostTransform transform) {
  const Rows<T> rows = read_rows<T>(c.input(0));
  forest.check_features(rows.features);
  Tensor output = c.host().allocate(DType::f32, {rows.count, forest.targets()});
  float* const to = output.mutable_data<float>();
  count_votes(c, forest, rows, aggregate, [&](Votes<T>& votes, int64_t first, int64_t count) {
    std::vector<float> row;
    for (int64_t i = 0; i < count; ++i) {
      regress<T>(votes.score(i), base, transform, row);
      std::copy(row.begin(), row.end(), to + (first + i) * forest.targets());
    }
  });
  return output;
}

int64_t regressor_targets(const NodeView& node) {
  const int64_t targets = node.attr_int("n_targets", 1);
  if (targets < 1) fail(ErrorCode::invalid_model, "n_targets is {}, expected at least 1", targets);
  return targets;
}

void infer_tree_ensemble_regressor(InferContext& c) {
  aggregate_from(c.attr_string("aggregate_function"));
  post_transform_from(c.attr_string("post_transform"));
  c.set_output(0, DType::f32, SymShape{infer_rows(c), regressor_targets(c)});
}

TreeAttributes read_trees(const NodeView& node, const std::string& role) {
  return {.tree_ids = node.attr_ints("nodes_treeids"),
          .node_ids = node.attr_ints("nodes_nodeids"),
          .features = node.attr_ints("nodes_featureids"),
          .true_ids = node.attr_ints("nodes_truenodeids"),
          .false_ids = node.attr_ints("nodes_falsenodeids"),
          .missing_true = node.attr_ints("nodes_missing_value_tracks_true"),
          .modes = node.attr_strings("nodes_modes"),
          .thresholds = read_numbers(node, "nodes_values"),
          .vote_tree_ids = node.attr_ints(role + "_treeids"),
          .vote_node_ids = node.attr_ints(role + "_nodeids"),
          .vote_targets = node.attr_ints(role + "_ids"),
          .vote_weights = read_numbers(node, role + "_weights")};
}

/// Thresholds and votes are doubles where the input is, floats otherwise.
void dispatch_width(DType input, auto&& body) {
  if (input == DType::f64) {
    body.template operator()<double>();
  } else {
    body.template operator()<float>();
  }
}

void eval_tree_ensemble_regressor(EvalContext& c) {
  const Aggregate aggregate = aggregate_from(c.attr_string("aggregate_function"));
  const PostTransform transform = post_transform_from(c.attr_string("post_transform"));
  dispatch_width(c.input(0).dtype(), [&]<class T>() {
    const Forest<T>& forest =
        c.keep<Forest<T>>([&] { return std::make_unique<Forest<T>>(read_trees(c, "target"), regressor_targets(c)); });
    c.set_output(0, run_regressor(c, forest, aggregate, read_numbers(c, "base_values"), transform));
  });
}

/// How the votes of a classifier become its class and scores. What the standard leaves open for one and two classes
/// is done as ONNX Runtime does it, whose results the exporters of tree models are made for.
template <class T>
class Decision {
 public:
  Decision(const NodeView& node, const ClassLabels& labels)
      : labels_(labels),
        base_(read_numbers(node, "base_values")),
        transform_(post_transform_from(node.attr_string("post_transform"))) {
    const auto ids = node.attr_ints("class_ids");
    one_id_ = labels.size() == 2 && std::set<int64_t>(ids.begin(), ids.end()).size() == 1;
    for (double weight : read_numbers(node, "class_weights")) all_positive_ &= weight >= 0;
  }

  /// Writes the class of the row, and its scores into `scores`.
  void operator()(std::span<T> score, std::span<uint8_t> has, Tensor& classes, int64_t row,
                  std::vector<float>& scores) const {
    if (score.size() > 2) {
      many(score, has, classes, row, scores);
    } else {
      few(score, has, classes, row, scores);
    }
  }

 private:
  void many(std::span<T> score, std::span<uint8_t> has, Tensor& classes, int64_t row,
            std::vector<float>& scores) const {
    for (size_t k = 0; k < std::min(base_.size(), score.size()); ++k) {
      score[k] += static_cast<T>(base_[k]);
      has[k] = 1;
    }
    size_t best = 0;
    bool found = false;
    for (size_t k = 0; k < score.size(); ++k) {
      if (has[k] == 0 || (found && !(score[k] > score[best]))) continue;
      best = k;
      found = true;
    }
    labels_.write(classes, row, best);
    scores.assign(score.begin(), score.end());
    transform_scores(transform_, scores);
  }

  void few(std::span<T> score, std::span<const uint8_t> has, Tensor& classes, int64_t row,
           std::vector<float>& scores) const {
    const size_t columns = score.size();
    const bool second = columns == 2 && has[1] != 0;
    if (base_.size() == 2 && columns == 2) {
      if (second) {
        score[1] = static_cast<T>(base_[1]) + score[0];
        score[0] = -score[1];
      } else {
        score[1] += static_cast<T>(base_[1]);
        score[0] += static_cast<T>(base_[0]);
      }
    } else if (base_.size() == 1) {
      score[0] += static_cast<T>(base_[0]);
    }
    // Two columns of which the trees fill only the first are one score.
    const bool lone = columns == 1 || (!second && base_.size() < 2);
    const T positive = second ? score[1] : columns == 1 || has[0] != 0 ? score[0] : 0;
    SecondClass pair = SecondClass::none;
    if (one_id_) {
      labels_.write(classes, row, positive > (all_positive_ ? T(0.5) : T(0)) ? 1 : 0);
      pair = all_positive_ ? SecondClass::complement : SecondClass::opposite;
    } else {
      write_sign(classes, row, positive > 0);
      if (columns == 2 && base_.empty()) pair = SecondClass::opposite;
    }
    // A class that no leaf voted for keeps nothing of its base value.
    scores.assign(columns, 0);
    for (size_t k = 0; k < columns; ++k) {
      if (columns == 1 || has[k] != 0) scores[k] = static_cast<float>(score[k]);
    }
    if (lone) {
      expand_score(transform_, scores[0], columns == 2 ? pair : SecondClass::none, scores);
      scores.resize(columns, 0);
    } else {
      transform_scores(transform_, scores);
    }
  }

  /// Integer classes are then 1 and 0 whatever the labels say.
  void write_sign(Tensor& classes, int64_t row, bool positive) const {
    if (labels_.are_strings()) {
      labels_.write(classes, row, positive && labels_.size() > 1 ? 1 : 0);
    } else {
      labels_.write_bare(classes, row, positive);
    }
  }

  const ClassLabels& labels_;
  std::vector<double> base_;
  PostTransform transform_;
  bool one_id_ = false;  ///< two classes, and all votes are for one
  bool all_positive_ = true;
};

/// What a classifier's attributes say.
template <class T>
struct Classifier {
  ClassLabels labels;
  Forest<T> forest;
  Decision<T> decide;

  explicit Classifier(const NodeView& node)
      : labels(node, "classlabels_strings", "classlabels_int64s"),
        forest(read_trees(node, "class"), checked_classes(labels)),
        decide(node, labels) {}
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

 private:
  static int64_t checked_classes(const ClassLabels& labels) {
    if (labels.size() == 0) {
      fail(ErrorCode::invalid_model, "one of classlabels_strings and classlabels_int64s is needed");
    }
    return static_cast<int64_t>(labels.size());
  }
};

void infer_tree_ensemble_classifier(InferContext& c) {
  const ClassLabels labels(c, "classlabels_strings", "classlabels_int64s");
  post_transform_from(c.attr_string("post_transform"));
  const Dim rows = infer_rows(c);
  c.set_output(0, labels.dtype(), SymShape{rows});
  c.set_output(1, DType::f32, SymShape{rows, static_cast<int64_t>(labels.size())});
}

void eval_tree_ensemble_classifier(EvalContext& c) {
  dispatch_width(c.input(0).dtype(), [&]<class T>() {
    const Classifier<T>& kept = c.keep<Classifier<T>>([&] { return std::make_unique<Classifier<T>>(c); });
    const ClassLabels& labels = kept.labels;
    const Forest<T>& forest = kept.forest;
    const int64_t columns = forest.targets();
    const Rows<T> rows = read_rows<T>(c.input(0));
    forest.check_features(rows.features);
    Tensor classes = c.host().allocate(labels.dtype(), {rows.count});
    Tensor output = c.host().allocate(DType::f32, {rows.count, columns});
    float* to = output.mutable_data<float>();
    count_votes(c, forest, rows, Aggregate::sum, [&](Votes<T>& votes, int64_t first, int64_t count) {
      std::vector<float> scores;
      for (int64_t i = 0; i < count; ++i) {
        kept.decide(votes.score(i), votes.has(i), classes, first + i, scores);
        std::copy(scores.begin(), scores.end(), to + (first + i) * columns);
      }
    });
    if (c.wants_output(0)) c.set_output(0, std::move(classes));
    if (c.wants_output(1)) c.set_output(1, std::move(output));
  });
}

LeafAttributes read_leaves(const NodeView& node) {
  return {.roots = node.attr_ints("tree_roots"),
          .features = node.attr_ints("nodes_featureids"),
          .true_ids = node.attr_ints("nodes_truenodeids"),
          .false_ids = node.attr_ints("nodes_falsenodeids"),
          .true_leaves = node.attr_ints("nodes_trueleafs"),
          .false_leaves = node.attr_ints("nodes_falseleafs"),
          .missing_true = node.attr_ints("nodes_missing_value_tracks_true"),
          .modes = node.attr_tensor("nodes_modes"),
          .thresholds = tree_numbers(node.attr_tensor("nodes_splits")),
          .members = node.has_attribute("membership_values") ? tree_numbers(node.attr_tensor("membership_values"))
                                                             : std::vector<double>(),
          .targets = node.attr_ints("leaf_targetids"),
          .weights = tree_numbers(node.attr_tensor("leaf_weights"))};
}

int64_t ensemble_targets(const NodeView& node) {
  if (node.has_attribute("n_targets")) return regressor_targets(node);
  const auto targets = node.attr_ints("leaf_targetids");
  const int64_t largest = targets.empty() ? 0 : *std::max_element(targets.begin(), targets.end());
  if (largest < 0 || largest > static_cast<int64_t>(targets.size())) {
    fail(ErrorCode::invalid_model, "n_targets is missing, and leaf_targetids goes up to {}", largest);
  }
  return largest + 1;
}

/// The attributes count otherwise than the names of the older operators do.
Aggregate aggregate_number(const NodeView& node) {
  const int64_t number = node.attr_int("aggregate_function");
  if (number < 0 || number > 3) fail(ErrorCode::invalid_model, "aggregate_function is {}, expected 0 to 3", number);
  return static_cast<Aggregate>(number);
}

PostTransform transform_number(const NodeView& node) {
  const int64_t number = node.attr_int("post_transform");
  if (number < 0 || number > 4) fail(ErrorCode::invalid_model, "post_transform is {}, expected 0 to 4", number);
  return static_cast<PostTransform>(number);
}

void infer_tree_ensemble(InferContext& c) {
  if (c.shape(0) && c.shape(0)->size() != 2) {
    fail(ErrorCode::invalid_argument, "the input must have 2 axes, found shape {}", to_string(*c.shape(0)));
  }
  aggregate_number(c);
  transform_number(c);
  const LeafAttributes leaves = read_leaves(c);
  leaves.check();
  for (const char* name : {"nodes_splits", "membership_values", "leaf_weights"}) {
    if (!c.has_attribute(name) || c.dtype(0) == DType::undefined) continue;
    const DType dtype = c.attr_tensor(name).dtype();
    if (dtype == c.dtype(0)) continue;
    fail(ErrorCode::invalid_model, "attribute '{}' is of type {}, the input of type {}", name, dtype_name(dtype),
         dtype_name(c.dtype(0)));
  }
  c.set_output(0, c.dtype(0), SymShape{infer_rows(c), ensemble_targets(c)});
}

void eval_tree_ensemble(EvalContext& c) {
  const Tensor& input = c.input(0);
  if (input.rank() != 2) {
    fail(ErrorCode::invalid_argument, "the input must have 2 axes, found shape {}", to_string(input.shape()));
  }
  const Aggregate aggregate = aggregate_number(c);
  const PostTransform transform = transform_number(c);
  dispatch_width(input.dtype(), [&]<class T>() {
    const Forest<T>& forest =
        c.keep<Forest<T>>([&] { return std::make_unique<Forest<T>>(read_leaves(c), ensemble_targets(c)); });
    const Rows<T> rows = read_rows<T>(input);
    forest.check_features(rows.features);
    Tensor& output = c.output(0, input.dtype(), {rows.count, forest.targets()});
    dispatch(FloatTypes{}, input.dtype(), [&]<class Out>() {
      Out* const to = output.mutable_data<Out>();
      count_votes(c, forest, rows, aggregate, [&](Votes<T>& votes, int64_t first, int64_t count) {
        std::vector<float> scores;
        for (int64_t i = 0; i < count; ++i) {
          Out* row = to + (first + i) * forest.targets();
          if (transform == PostTransform::none) {
            for (T score : votes.score(i)) *row++ = static_cast<Out>(score);
            continue;
          }
          regress<T>(votes.score(i), {}, transform, scores);
          for (float score : scores) *row++ = static_cast<Out>(score);
        }
      });
    });
  });
}

}  // namespace

extern const OpDef tree_ensemble_op{"ai.onnx.ml", "TreeEnsemble", tree_ensemble_versions, infer_tree_ensemble,
                                    eval_tree_ensemble};
extern const OpDef tree_ensemble_classifier_op{"ai.onnx.ml", "TreeEnsembleClassifier",
                                               tree_ensemble_classifier_versions, infer_tree_ensemble_classifier,
                                               eval_tree_ensemble_classifier};
extern const OpDef tree_ensemble_regressor_op{"ai.onnx.ml", "TreeEnsembleRegressor", tree_ensemble_regressor_versions,
                                              infer_tree_ensemble_regressor, eval_tree_ensemble_regressor};

}  // namespace kiln::ops
