#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tensor_scatter_versions[] = {
    {24, "past_cache:T update:T write_indices?:i64 -> present_cache:T", "axis:int=-2 mode:string=linear",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
};

int64_t sequence_axis(const NodeView& node, size_t rank) {
  const int64_t axis = normalize_axis(node.attr_int("axis"), static_cast<int64_t>(rank));
  if (axis == 0) fail(ErrorCode::invalid_argument, "the axis must not be the batch axis 0");
  return axis;
}

bool is_circular(const NodeView& node) {
  const std::string& mode = node.attr_string("mode");
  if (mode != "linear" && mode != "circular") {
    fail(ErrorCode::invalid_argument, "attribute 'mode' is '{}', expected linear or circular", mode);
  }
  return mode == "circular";
}

void check_rank(size_t cache, size_t update) {
  if (cache != update) {
    fail(ErrorCode::invalid_argument, "the cache has rank {}, its update rank {}: they should be equal", cache, update);
  }
}

void infer_tensor_scatter(InferContext& c) {
  is_circular(c);
  const SymShape *cache = c.shape(0), *update = c.shape(1), *indices = c.shape(2);
  if (cache && update) {
    check_rank(cache->size(), update->size());
    const auto axis = static_cast<size_t>(sequence_axis(c, cache->size()));
    for (size_t i = 0; i < cache->size(); ++i) {
      if (i != axis) merge_dims((*cache)[i], (*update)[i], "dims of the cache and its update beside the axis");
    }
  }
  if (indices && indices->size() != 1) {
    fail(ErrorCode::invalid_argument, "write_indices must be a list, found shape {}", to_string(*indices));
  }
  if (cache && indices && !cache->empty()) merge_dims(cache->front(), indices->front(), "batch size and write_indices");
  infer_same_as_first(c);
}

void eval_tensor_scatter(EvalContext& c) {
  const Tensor &cache = c.input(0), &update = c.input(1);
  check_rank(cache.shape().size(), update.shape().size());
  const bool circular = is_circular(c);
  const int64_t axis = sequence_axis(c, cache.shape().size());
  for (int64_t i = 0; i < cache.rank(); ++i) {
    if (i == axis ? update.dim(i) > cache.dim(i) : update.dim(i) != cache.dim(i)) {
      fail(ErrorCode::invalid_argument, "an update of shape {} does not fit a cache of shape {} on axis {}",
           to_string(update.shape()), to_string(cache.shape()), i);
    }
  }
  Tensor& output = c.output(0, cache.dtype(), cache.shape());
  copy_elements(output, 0, cache, 0, cache.size());
  if (update.size() == 0) return;
  std::vector<int64_t> starts(static_cast<size_t>(cache.dim(0)), 0);
  if (c.has_input(2)) starts = c.input_ints(2);
  if (static_cast<int64_t>(starts.size()) != cache.dim(0)) {
    fail(ErrorCode::invalid_argument, "{} write indices given for a batch of {}", starts.size(), cache.dim(0));
  }
  const AxisView view(cache.shape(), axis);
  const int64_t length = update.dim(axis);
  for (int64_t& start : starts) {
    if (circular) start = (start % view.extent + view.extent) % view.extent;
    if (start < 0 || start > view.extent || (!circular && start > view.extent - length)) {
      fail(ErrorCode::invalid_argument, "write index {} leaves no room for {} elements in {}", start, length,
           view.extent);
    }
  }
  const int64_t rows_per_batch = view.outer / cache.dim(0);
  for (int64_t row = 0; row < view.outer; ++row) {
    const int64_t start = starts[static_cast<size_t>(row / rows_per_batch)];
    for (int64_t i = 0; i < length; ++i) {
      const int64_t place = (start + i) % view.extent;
      copy_elements(output, (row * view.extent + place) * view.inner, update, (row * length + i) * view.inner,
                    view.inner);
    }
  }
}

}  // namespace

extern const OpDef tensor_scatter_op{"", "TensorScatter", tensor_scatter_versions, infer_tensor_scatter,
                                     eval_tensor_scatter};

}  // namespace kiln::ops
