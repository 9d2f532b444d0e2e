#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/ml/scores.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText svm_classifier_versions[] = {
    {1, "X:T1 -> Y:T2 Z:f32",
     "classlabels_ints:ints classlabels_strings:strings coefficients:floats kernel_params:floats "
     "kernel_type:string=LINEAR post_transform:string=NONE prob_a:floats prob_b:floats rho:floats "
     "support_vectors:floats vectors_per_class:ints",
     "T1=f32,f64,i64,i32 T2=string,i64"},
};

constexpr SchemaText svm_regressor_versions[] = {
    {1, "X:T -> Y:f32",
     "coefficients:floats kernel_params:floats kernel_type:string=LINEAR n_supports:int=0 one_class:int=0 "
     "post_transform:string=NONE rho:floats support_vectors:floats",
     "T=f32,f64,i64,i32"},
};

enum class KernelType : uint8_t { linear, poly, rbf, sigmoid };

struct Kernel {
  KernelType type = KernelType::linear;
  float gamma = 0, coef0 = 0, degree = 0;

  float operator()(const float* a, const float* b, int64_t count) const {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double term = type == KernelType::rbf ? static_cast<double>(a[i]) - b[i] : a[i];
      sum += term * (type == KernelType::rbf ? term : static_cast<double>(b[i]));
    }
    switch (type) {
      case KernelType::linear: return static_cast<float>(sum);
      case KernelType::poly: return static_cast<float>(std::pow(gamma * sum + coef0, static_cast<double>(degree)));
      case KernelType::rbf: return static_cast<float>(std::exp(-gamma * sum));
      case KernelType::sigmoid: return static_cast<float>(std::tanh(gamma * sum + coef0));
    }
    return 0;
  }
};

Kernel read_kernel(const NodeView& node) {
  Kernel kernel;
  const std::string& name = node.attr_string("kernel_type");
  if (name == "LINEAR") {
    kernel.type = KernelType::linear;
  } else if (name == "POLY") {
    kernel.type = KernelType::poly;
  } else if (name == "RBF") {
    kernel.type = KernelType::rbf;
  } else if (name == "SIGMOID") {
    kernel.type = KernelType::sigmoid;
  } else {
    fail(ErrorCode::invalid_model, "kernel_type is '{}', expected LINEAR, POLY, RBF or SIGMOID", name);
  }
  const auto parameters = node.attr_floats("kernel_params");
  if (!parameters.empty() && parameters.size() != 3) {
    fail(ErrorCode::invalid_model, "kernel_params has {} elements, expected gamma, coef0 and degree",
         parameters.size());
  }
  if (!parameters.empty()) {
    kernel.gamma = parameters[0];
    kernel.coef0 = parameters[1];
    kernel.degree = parameters[2];
  }
  return kernel;
}

void expect_count(size_t found, size_t least, const char* what) {
  if (found < least) fail(ErrorCode::invalid_model, "{} has {} elements, expected {}", what, found, least);
}

/// A classifier as its attributes describe it: support vectors and votes between pairs of classes, or, without any
/// support vector, one linear score for each class.
struct Classifier {
  Kernel kernel;
  ClassLabels labels;
  size_t classes = 0, pairs = 0, vectors = 0;
  std::vector<size_t> starts, counts;  ///< of each class's support vectors
  std::span<const float> coefficients, support, rho, prob_a, prob_b;
  bool all_positive = true;
  PostTransform transform;

  explicit Classifier(const NodeView& node)
      : kernel(read_kernel(node)),
        labels(node, "classlabels_strings", "classlabels_ints"),
        classes(labels.size()),
        coefficients(node.attr_floats("coefficients")),
        support(node.attr_floats("support_vectors")),
        rho(node.attr_floats("rho")),
        prob_a(node.attr_floats("prob_a")),
        prob_b(node.attr_floats("prob_b")),
        transform(post_transform_from(node.attr_string("post_transform"))) {
    constexpr size_t most_classes = 65536;
    if (classes == 0) fail(ErrorCode::invalid_model, "one of classlabels_strings and classlabels_ints is needed");
    if (classes > most_classes) fail(ErrorCode::limit_exceeded, "{} classes are too many", classes);
    pairs = classes * (classes - 1) / 2;
    for (int64_t count : node.attr_ints("vectors_per_class")) {
      if (count < 0 || static_cast<size_t>(count) > support.size()) {
        fail(ErrorCode::invalid_model, "vectors_per_class holds {}; there are {} numbers in support_vectors", count,
             support.size());
      }
      starts.push_back(vectors);
      counts.push_back(static_cast<size_t>(count));
      vectors += static_cast<size_t>(count);
    }
    all_positive = std::all_of(coefficients.begin(), coefficients.end(), [](float value) { return value >= 0; });
    check();
  }

  bool votes() const { return vectors > 0; }
  bool has_probabilities() const { return !prob_a.empty(); }
  size_t columns() const {
    if (!votes() || has_probabilities()) return classes;
    return classes > 2 ? pairs : 2;
  }

 private:
  void check() {
    expect_count(coefficients.size(), 1, "coefficients");
    if (prob_a.size() != prob_b.size()) {
      fail(ErrorCode::invalid_model, "prob_a has {} elements and prob_b {}", prob_a.size(), prob_b.size());
    }
    if (!votes()) {
      kernel.type = KernelType::linear;
      expect_count(rho.size(), 1, "rho");
      return;
    }
    if (counts.size() != classes) {
      fail(ErrorCode::invalid_model, "vectors_per_class has {} elements for {} classes", counts.size(), classes);
    }
    expect_count(rho.size(), pairs, "rho");
    if (has_probabilities()) expect_count(prob_a.size(), pairs, "prob_a");
    if ((classes - 1) * vectors > coefficients.size()) {
      fail(ErrorCode::invalid_model, "{} coefficients are too few for {} classes and {} support vectors",
           coefficients.size(), classes, vectors);
    }
  }
};

void infer_svm_classifier(InferContext& c) {
  const Classifier svm(c);
  const Dim rows = infer_rows(c);
  c.set_output(0, svm.labels.dtype(), SymShape{rows});
  c.set_output(1, DType::f32, SymShape{rows, static_cast<int64_t>(svm.columns())});
}

/// The decision between each pair of classes (i, j), i < j; `won` counts the decisions for each class.
std::vector<float> decide_pairs(const Classifier& svm, const std::vector<float>& kernels, std::vector<size_t>& won) {
  std::vector<float> decisions;
  // The coefficients [classes - 1][vectors] of class i against class j stand in row j - 1, of j against i in row i.
  const auto partial = [&](size_t row, size_t of) {
    double sum = 0;
    for (size_t m = svm.starts[of]; m < svm.starts[of] + svm.counts[of]; ++m) {
      sum += static_cast<double>(svm.coefficients[row * svm.vectors + m]) * kernels[m];
    }
    return sum;
  };
  for (size_t i = 0; i + 1 < svm.classes; ++i) {
    for (size_t j = i + 1; j < svm.classes; ++j) {
      const double sum = partial(j - 1, i) + partial(i, j) + svm.rho[decisions.size()];
      decisions.push_back(static_cast<float>(sum));
      ++won[sum > 0 ? i : j];
    }
  }
  return decisions;
}

/// The probabilities of the classes from those between pairs, r[i][j] = P(i | i or j): Wu, Lin and Weng,
/// "Probability Estimates for Multi-class Classification by Pairwise Coupling" (2004), second method. Minimises
/// p' Q p over p >= 0, sum(p) = 1, with the update and the stopping rule of LIBSVM.
std::vector<float> couple(const std::vector<float>& r, size_t classes) {
  constexpr int most_rounds = 100;
  const auto at = [&](size_t i, size_t j) { return r[i * classes + j]; };
  std::vector<float> q(classes * classes, 0), p(classes, 1 / static_cast<float>(classes)), qp(classes, 0);
  for (size_t i = 0; i < classes; ++i) {
    for (size_t j = 0; j < classes; ++j) {
      if (i == j) continue;
      q[i * classes + i] += at(j, i) * at(j, i);
      q[i * classes + j] = -at(j, i) * at(i, j);
    }
  }
  const float tolerance = 0.005F / static_cast<float>(classes);
  for (int round = 0; round < most_rounds; ++round) {
    float pqp = 0, worst = 0;
    for (size_t i = 0; i < classes; ++i) {
      qp[i] = 0;
      for (size_t j = 0; j < classes; ++j) qp[i] += q[i * classes + j] * p[j];
      pqp += p[i] * qp[i];
    }
    for (size_t i = 0; i < classes; ++i) worst = std::max(worst, std::abs(qp[i] - pqp));
    if (worst < tolerance) break;
    for (size_t i = 0; i < classes; ++i) {
      const float diagonal = q[i * classes + i];
      const float step = (pqp - qp[i]) / diagonal;
      p[i] += step;
      pqp = (pqp + step * (step * diagonal + 2 * qp[i])) / (1 + step) / (1 + step);
      for (size_t j = 0; j < classes; ++j) {
        qp[j] = (qp[j] + step * q[i * classes + j]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
  return p;
}

/// Platt's probability of each decision, coupled.
std::vector<float> probabilities(const Classifier& svm, const std::vector<float>& decisions) {
  constexpr float least = 1e-7F;
  std::vector<float> between(svm.classes * svm.classes, 0);
  size_t pair = 0;
  for (size_t i = 0; i + 1 < svm.classes; ++i) {
    for (size_t j = i + 1; j < svm.classes; ++j, ++pair) {
      const float chance = 1 - logistic(decisions[pair] * svm.prob_a[pair] + svm.prob_b[pair]);
      const float bounded = std::clamp(chance, least, 1 - least);
      between[i * svm.classes + j] = bounded;
      between[j * svm.classes + i] = 1 - bounded;
    }
  }
  return couple(between, svm.classes);
}

size_t first_largest(const auto& list) {
  return static_cast<size_t>(std::max_element(list.begin(), list.end()) - list.begin());
}

/// The scores of one row, and the number of its class.
std::pair<std::vector<float>, size_t> classify(const Classifier& svm, const float* row, int64_t features) {
  std::vector<float> scores;
  if (!svm.votes()) {
    for (size_t k = 0; k < svm.classes; ++k) {
      scores.push_back(svm.kernel(row, svm.coefficients.data() + k * static_cast<size_t>(features), features) +
                       svm.rho[0]);
    }
    size_t best = first_largest(scores);
    if (svm.classes == 2 && !svm.has_probabilities()) {
      const bool second = svm.all_positive ? scores[best] >= 0.5F : scores[best] > 0;
      if (second) best = 1;
    }
    if (svm.classes == 1) {
      expand_score(svm.transform, scores[0], SecondClass::none, scores);
    } else {
      transform_scores(svm.transform, scores);
    }
    return {scores, best};
  }
  std::vector<float> kernels(svm.vectors);
  for (size_t k = 0; k < svm.vectors; ++k, stop_point(features)) {
    kernels[k] = svm.kernel(row, svm.support.data() + k * static_cast<size_t>(features), features);
  }
  std::vector<size_t> won(svm.classes, 0);
  scores = decide_pairs(svm, kernels, won);
  if (svm.has_probabilities()) {
    scores = probabilities(svm, scores);
    if (scores.size() > 1) transform_scores(svm.transform, scores);
  } else if (scores.size() > 1) {
    transform_scores(svm.transform, scores);
  } else {
    const float lone = scores.empty() ? 0 : scores[0];
    const bool raw = svm.transform == PostTransform::none;
    expand_score(svm.transform, lone, raw ? SecondClass::opposite : SecondClass::complement, scores);
  }
  return {scores, first_largest(won)};
}

void check_features(size_t numbers, size_t rows, int64_t features, const char* what) {
  if (rows == 0 || numbers % rows != 0 || numbers / rows != static_cast<size_t>(features)) {
    fail(ErrorCode::invalid_argument, "the input has {} features, but {} has {} numbers for {} vectors", features, what,
         numbers, rows);
  }
}

void eval_svm_classifier(EvalContext& c) {
  const Classifier& svm = c.keep<Classifier>([&] { return std::make_unique<Classifier>(c); });
  const Rows<float> rows = read_rows<float>(c.input(0));
  if (svm.votes()) {
    check_features(svm.support.size(), svm.vectors, rows.features, "support_vectors");
  } else {
    check_features(svm.coefficients.size(), svm.classes, rows.features, "coefficients");
  }
  const auto columns = static_cast<int64_t>(svm.columns());
  Tensor classes = c.host().allocate(svm.labels.dtype(), {rows.count});
  Tensor output = c.host().allocate(DType::f32, {rows.count, columns});
  float* to = output.mutable_data<float>();
  const int64_t work = static_cast<int64_t>(svm.support.size() + svm.coefficients.size()) + 1;
  c.parallel_for(rows.count, std::max<int64_t>(1, 32768 / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto [scores, best] = classify(svm, rows.row(i), rows.features);
      std::copy(scores.begin(), scores.end(), to + i * columns);
      svm.labels.write(classes, i, best);
    }
  });
  if (c.wants_output(0)) c.set_output(0, std::move(classes));
  if (c.wants_output(1)) c.set_output(1, std::move(output));
}

void infer_svm_regressor(InferContext& c) {
  read_kernel(c);
  c.set_output(0, DType::f32, SymShape{infer_rows(c), 1});
}

void eval_svm_regressor(EvalContext& c) {
  Kernel kernel = read_kernel(c);
  const Rows<float> rows = read_rows<float>(c.input(0));
  const auto coefficients = c.attr_floats("coefficients");
  const auto support = c.attr_floats("support_vectors");
  const auto rho = c.attr_floats("rho");
  const int64_t vectors = c.attr_int("n_supports");
  const bool one_class = c.attr_int("one_class") != 0;
  const PostTransform transform = post_transform_from(c.attr_string("post_transform"));
  expect_count(rho.size(), 1, "rho");
  if (vectors > 0) {
    check_features(support.size(), static_cast<size_t>(vectors), rows.features, "support_vectors");
    expect_count(coefficients.size(), static_cast<size_t>(vectors), "coefficients");
  } else {
    kernel.type = KernelType::linear;
    check_features(coefficients.size(), 1, rows.features, "coefficients");
  }
  float* to = c.output(0, DType::f32, {rows.count, 1}).mutable_data<float>();
  const int64_t work = static_cast<int64_t>(support.size() + coefficients.size()) + 1;
  c.parallel_for(rows.count, std::max<int64_t>(1, 32768 / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = rho[0];
      if (vectors <= 0) sum += kernel(rows.row(i), coefficients.data(), rows.features);
      for (int64_t k = 0; k < vectors; ++k, stop_point(rows.features)) {
        const float weight = coefficients[static_cast<size_t>(k)];
        sum += static_cast<double>(weight) * kernel(rows.row(i), support.data() + k * rows.features, rows.features);
      }
      const auto score = static_cast<float>(sum);
      to[i] = one_class ? (score > 0 ? 1.0F : -1.0F) : transform == PostTransform::probit ? probit(score) : score;
    }
  });
}

}  // namespace

extern const OpDef svm_classifier_op{"ai.onnx.ml", "SVMClassifier", svm_classifier_versions, infer_svm_classifier,
                                     eval_svm_classifier};
extern const OpDef svm_regressor_op{"ai.onnx.ml", "SVMRegressor", svm_regressor_versions, infer_svm_regressor,
                                    eval_svm_regressor};

}  // namespace kiln::ops
