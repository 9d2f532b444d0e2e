#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/standardize.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText group_normalization_versions[] = {
    {18, "X:T scale:T bias:T -> Y:T", "epsilon:float=9.99999975e-06 num_groups!:int", "T=real,bf16", true},
    {21, "X:T scale:T bias:T -> Y:T", "epsilon:float=9.99999975e-06 num_groups!:int stash_type:int=1", "T=real,bf16"},
};

int64_t groups_of(const NodeView& node) {
  const int64_t groups = node.attr_int("num_groups");
  if (groups <= 0) fail(ErrorCode::invalid_argument, "num_groups must be positive, found {}", groups);
  return groups;
}

void check_groups(int64_t channels, int64_t groups) {
  if (channels % groups != 0) {
    fail(ErrorCode::invalid_argument, "{} channels cannot be divided into {} groups", channels, groups);
  }
}

/// Version 18 scales by group, version 21 by channel.
bool scales_by_group(const NodeView& node) { return node.version() < 21; }

void infer_group_normalization(InferContext& c) {
  stash_type_of(c);
  const int64_t groups = groups_of(c);
  Dim parameters = scales_by_group(c) ? Dim(groups) : Dim();
  if (const SymShape* shape = c.shape(0)) {
    if (shape->size() < 2) {
      fail(ErrorCode::invalid_argument, "X must have a batch and a channel axis, found rank {}", shape->size());
    }
    if ((*shape)[1].is_known()) check_groups((*shape)[1].value(), groups);
    if (!scales_by_group(c)) parameters = (*shape)[1];
  }
  for (size_t i = 1; i < 3; ++i) {
    const SymShape* shape = c.shape(i);
    if (!shape) continue;
    if (shape->size() != 1)
      fail(ErrorCode::invalid_argument, "input {} must be a list, found rank {}", i, shape->size());
    parameters = merge_dims(parameters, (*shape)[0], "numbers of scales and biases");
  }
  c.set_output(0, c.type(0));
}

template <class T, class U>
void normalize_groups(EvalContext& c, const Tensor& x, Tensor& y, int64_t groups) {
  const int64_t channels = x.dim(1), span = product(x.shape(), 2, x.rank());
  const int64_t size = channels / groups * span;
  const bool by_group = scales_by_group(c);
  const float epsilon = c.attr_float("epsilon");
  const T* scale = c.input(1).data<T>();
  const T* bias = c.input(2).data<T>();
  const T* from = x.data<T>();
  T* to = y.mutable_data<T>();
  c.parallel_for(x.dim(0) * groups, 1 + 32768 / (size + 1), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const auto standard = standard_of<U>(from + row * size, size, epsilon);
      for (int64_t i = 0; i < size; ++i, stop_point()) {
        const int64_t group = row % groups;
        const int64_t p = by_group ? group : group * (channels / groups) + i / span;
        const T scaled = static_cast<T>(scale[p] * standardize(from[row * size + i], standard));
        to[row * size + i] = static_cast<T>(scaled + bias[p]);
      }
    }
  });
}

void eval_group_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  const int64_t groups = groups_of(c);
  if (x.rank() < 2) fail(ErrorCode::invalid_argument, "X must be [N,C,...], found shape {}", to_string(x.shape()));
  check_groups(x.dim(1), groups);
  const int64_t parameters = scales_by_group(c) ? groups : x.dim(1);
  for (size_t i = 1; i < 3; ++i) {
    if (c.input(i).size() == parameters) continue;
    fail(ErrorCode::invalid_argument, "input {} must have {} elements, found shape {}", i, parameters,
         to_string(c.input(i).shape()));
  }
  Tensor& y = c.output(0, x.dtype(), x.shape());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    dispatch(FloatTypes{}, stash_type_of(c), [&]<class U> { normalize_groups<T, U>(c, x, y, groups); });
  });
}

}  // namespace

extern const OpDef group_normalization_op{"", "GroupNormalization", group_normalization_versions,
                                          infer_group_normalization, eval_group_normalization};

}  // namespace kiln::ops
