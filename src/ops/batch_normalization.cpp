#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/reduction.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText batch_normalization_versions[] = {
    {1, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "consumed_inputs!:ints epsilon:float=9.99999975e-06 is_test:int=0 momentum:float=0.899999976 "
     "spatial:int=1",
     "T=real"},
    {6, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "epsilon:float=9.99999975e-06 is_test:int=0 momentum:float=0.899999976 spatial:int=1", "T=real"},
    {7, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976 spatial:int=1", "T=real"},
    {9, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976", "T=real"},
    {14, "X:T scale:T B:T input_mean:U input_var:U -> Y:T running_mean?:U running_var?:U",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976 training_mode:int=0", "T=real,bf16 U=real,bf16"},
    {15, "X:T scale:T1 B:T1 input_mean:T2 input_var:T2 -> Y:T running_mean?:T2 running_var?:T2",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976 training_mode:int=0",
     "T=real,bf16 T1=real,bf16 T2=real,bf16"},
};

/// Up to version 13 the outputs beyond the first are running mean and variance, saved mean and saved variance, and
/// versions 7 to 13 train when one of them is asked for.
bool trains(const NodeView& node) {
  if (node.version() >= 14) return node.attr_int("training_mode") != 0;
  if (node.version() < 7) return node.attr_int("is_test") == 0;
  for (size_t i = 1; i < node.node().outputs.size(); ++i) {
    if (node.node().outputs[i] != no_value) return true;
  }
  return false;
}

/// Without `spatial` (versions 1 to 8) every element of an instance has its own statistics.
bool is_spatial(const NodeView& node) { return node.attr_int("spatial", 1) != 0; }

Dim infer_channels(InferContext& c) {
  Dim channels;
  if (const SymShape* shape = c.shape(0)) channels = shape->size() > 1 ? (*shape)[1] : Dim(1);
  for (size_t i = 1; i < 5; ++i) {
    const SymShape* shape = c.shape(i);
    if (!shape) continue;
    if (shape->size() != 1) {
      fail(ErrorCode::invalid_argument, "input {} must be a list of one number per channel, found rank {}", i,
           shape->size());
    }
    channels = merge_dims(channels, (*shape)[0], "numbers of channels");
  }
  return channels;
}

void infer_batch_normalization(InferContext& c) {
  c.set_output(0, c.type(0));
  const bool modern = c.version() >= 14;
  if (modern && c.output_count() != (trains(c) ? 3 : 1)) {
    fail(ErrorCode::invalid_model, "{} outputs are expected with training_mode={}, found {}", trains(c) ? 3 : 1,
         c.attr_int("training_mode"), c.output_count());
  }
  const bool per_channel = c.version() >= 9;
  std::optional<SymShape> shape;
  if (per_channel) {
    shape = SymShape{infer_channels(c)};
  } else if (c.shape(3)) {
    shape = *c.shape(3);
  }
  for (size_t i = 1; i < c.output_count(); ++i) c.set_output(i, c.dtype(modern ? i + 2 : 0), shape);
}

struct Statistics {
  std::vector<double> mean, variance;  ///< of each feature
};

/// Mean and population variance over the batch, and over the positions of each channel when `spatial`.
template <class T>
Statistics batch_statistics(EvalContext& c, const Tensor& x, bool spatial) {
  std::vector<bool> reduced(x.shape().size(), spatial);
  if (x.rank() > 0) reduced[0] = true;
  if (x.rank() > 1) reduced[1] = false;
  const ReductionPlan plan(x.shape(), reduced);
  Statistics result{std::vector<double>(plan.outputs()), std::vector<double>(plan.outputs())};
  const T* data = x.data<T>();
  c.parallel_for(plan.outputs(), 1 + 32768 / (plan.count() + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = 0, squares = 0;
      plan.for_rows(i, [&](int64_t offset, int64_t count, int64_t step) {
        stop_point(count);
        for (int64_t k = 0; k < count; ++k) sum += static_cast<double>(data[offset + k * step]);
      });
      const double mean = sum / static_cast<double>(plan.count());
      plan.for_rows(i, [&](int64_t offset, int64_t count, int64_t step) {
        for (int64_t k = 0; k < count; ++k) {
          const double deviation = static_cast<double>(data[offset + k * step]) - mean;
          squares += deviation * deviation;
        }
      });
      result.mean[i] = mean;
      result.variance[i] = squares / static_cast<double>(plan.count());
    }
  });
  return result;
}

/// How the elements of X share the parameters: feature f of an instance has `span` neighbouring elements.
struct Features {
  int64_t batch, count, span;
};

Features features_of(const NodeView& node, const Shape& shape) {
  if (shape.empty()) fail(ErrorCode::invalid_argument, "X must have at least one axis, found a scalar");
  const int64_t inner = shape.size() > 2 ? product(shape, 2, static_cast<int64_t>(shape.size())) : 1;
  const int64_t channels = shape.size() > 1 ? shape[1] : 1;
  return is_spatial(node) ? Features{shape[0], channels, inner} : Features{shape[0], channels * inner, 1};
}

void check_parameters(const EvalContext& c, const Features& features) {
  for (size_t i = 1; i < 5; ++i) {
    if (c.input(i).size() == features.count) continue;
    fail(ErrorCode::invalid_argument, "input {} must have {} elements for X of shape {}, found shape {}", i,
         features.count, to_string(c.input(0).shape()), to_string(c.input(i).shape()));
  }
}

/// running = given * momentum + batch * (1 - momentum)
Tensor running_average(EvalContext& c, const Tensor& given, const std::vector<double>& batch) {
  const double momentum = static_cast<double>(c.attr_float("momentum"));
  const Widened<double> old(given);
  std::vector<double> mixed(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) mixed[i] = old.data()[i] * momentum + batch[i] * (1 - momentum);
  Tensor result = c.host().allocate(given.dtype(), given.shape());
  narrow_into(mixed.data(), result.size(), result);
  return result;
}

void set_training_outputs(EvalContext& c, const Statistics& batch) {
  if (c.wants_output(1)) c.set_output(1, running_average(c, c.input(3), batch.mean));
  if (c.wants_output(2)) c.set_output(2, running_average(c, c.input(4), batch.variance));
  for (size_t i = 3; i < 5; ++i) {
    if (!c.wants_output(i)) continue;
    Tensor& saved = c.output(i, c.input(i).dtype(), c.input(i).shape());
    narrow_into((i == 3 ? batch.mean : batch.variance).data(), saved.size(), saved);
  }
}

template <class T>
void normalize(EvalContext& c, const Features& features, const Statistics& statistics) {
  const Tensor& x = c.input(0);
  const Widened<double> scale(c.input(1)), bias(c.input(2));
  const double epsilon = static_cast<double>(c.attr_float("epsilon"));
  std::vector<double> factor(features.count);
  for (int64_t f = 0; f < features.count; ++f) factor[f] = scale[f] / std::sqrt(statistics.variance[f] + epsilon);
  const T* from = x.data<T>();
  T* to = c.output(0, x.dtype(), x.shape()).template mutable_data<T>();
  c.parallel_for(features.batch * features.count, 1 + 32768 / (features.span + 1), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t f = row % features.count;
      for (int64_t i = row * features.span; i < (row + 1) * features.span; ++i) {
        to[i] = static_cast<T>((static_cast<double>(from[i]) - statistics.mean[f]) * factor[f] + bias[f]);
      }
    }
  });
}

void eval_batch_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  const Features features = features_of(c, x.shape());
  check_parameters(c, features);
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    if (trains(c)) {
      const Statistics batch = batch_statistics<T>(c, x, is_spatial(c));
      normalize<T>(c, features, batch);
      set_training_outputs(c, batch);
    } else {
      const Widened<double> mean(c.input(3)), variance(c.input(4));
      normalize<T>(c, features,
                   {{mean.data(), mean.data() + features.count}, {variance.data(), variance.data() + features.count}});
    }
  });
}

}  // namespace

extern const OpDef batch_normalization_op{"", "BatchNormalization", batch_normalization_versions,
                                          infer_batch_normalization, eval_batch_normalization};

}  // namespace kiln::ops
