#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ops/context.hpp"

namespace kiln::ops {

/// What the classifiers and regressors of ai.onnx.ml do to a row of scores at the end.
enum class PostTransform : uint8_t { none, softmax, logistic, softmax_zero, probit };
PostTransform post_transform_from(std::string_view name);

float logistic(float score);
float probit(float score);
/// Transforms a row of at least two scores in place.
void transform_scores(PostTransform transform, std::vector<float>& scores);

/// How a lone score of two classes becomes a pair.
enum class SecondClass : uint8_t {
  none,        ///< it stays alone
  complement,  ///< 1 - s, s, where s may be transformed by logistic or probit
  opposite,    ///< -s, s, or the logistic of both
};
/// Lets `row` stand for one score.
void expand_score(PostTransform transform, float score, SecondClass second, std::vector<float>& row);

/// The classes that a classifier names: strings or integers.
class ClassLabels {
 public:
  /// Reads the two attributes; strings win where both are given, as they do in ONNX's own type inference.
  ClassLabels(const NodeView& node, std::string_view strings, std::string_view ints);

  bool are_strings() const { return !strings_.empty(); }
  size_t size() const { return are_strings() ? strings_.size() : ints_.size(); }
  DType dtype() const { return are_strings() ? DType::string : DType::i64; }
  /// Writes label number `index` as element `row`; fails when there is no such label.
  void write(Tensor& output, int64_t row, size_t index) const;
  /// Writes what stands for yes and no where the classes are not a pair of labels: "1" and "0", or 1 and 0.
  void write_bare(Tensor& output, int64_t row, bool positive) const;

 private:
  std::vector<std::string> strings_;
  std::vector<int64_t> ints_;
};

/// A matrix of features: [N, F], or [F] as one row. Those of a T are read where they lie.
template <class T>
struct Rows {
  int64_t count = 0;
  int64_t features = 0;
  const T* begin = nullptr;
  std::vector<T> converted;
  const T* row(int64_t index) const { return begin + index * features; }
};

/// Reads a tensor of f32, f64, f16, bf16, i64 or i32 as T; fails when its rank is neither 1 nor 2.
template <class T>
Rows<T> read_rows(const Tensor& tensor);
extern template Rows<float> read_rows<float>(const Tensor&);
extern template Rows<double> read_rows<double>(const Tensor&);

/// The number of rows that read_rows() will find; fails as it does.
Dim infer_rows(const InferContext& context);

}  // namespace kiln::ops
