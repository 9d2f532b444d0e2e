#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText center_crop_pad_versions[] = {
    {18, "input_data:T shape:Tind -> output_data:T", "axes:ints", "T=basic,bf16 Tind=i32,i64"},
};

std::vector<int64_t> axes_of(const NodeView& node, size_t rank) {
  std::vector<int64_t> axes;
  if (node.has_attribute("axes")) return normalize_axes(node.attr_ints("axes"), static_cast<int64_t>(rank));
  for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

void check_extents(size_t found, size_t axes) {
  if (found != axes) fail(ErrorCode::invalid_argument, "the target shape has {} dims for {} axes", found, axes);
}

void check_extent(int64_t extent) {
  if (extent < 0) fail(ErrorCode::invalid_argument, "the target shape has dim {}, expected 0 or more", extent);
}

void infer_center_crop_pad(InferContext& c) {
  const SymShape* data = c.shape(0);
  if (!data) return c.set_output(0, c.dtype(0));
  const std::vector<int64_t> axes = axes_of(c, data->size());
  SymShape shape = *data;
  const auto target = tracked_dims(c, 1);
  if (target) check_extents(target->size(), axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim extent = target ? (*target)[i] : Dim();
    if (extent.is_known()) check_extent(extent.value());
    shape[static_cast<size_t>(axes[i])] = extent;
  }
  c.set_output(0, c.dtype(0), shape);
}

/// Where each place of an axis of `to` elements comes from in one of `from` that shares its middle; -1 is padding.
/// Both the first element kept and the first place filled are rounded towards the start.
std::vector<int64_t> centered(int64_t from, int64_t to) {
  const int64_t cropped = from > to ? (from - to) / 2 : 0, padded = to > from ? (to - from) / 2 : 0;
  std::vector<int64_t> sources(static_cast<size_t>(to), -1);
  for (int64_t i = 0; i < std::min(from, to); ++i) sources[static_cast<size_t>(padded + i)] = cropped + i;
  return sources;
}

void eval_center_crop_pad(EvalContext& c) {
  const Tensor& data = c.input(0);
  const std::vector<int64_t> target = c.input_ints(1);
  const std::vector<int64_t> axes = axes_of(c, data.shape().size());
  check_extents(target.size(), axes.size());
  Shape shape = data.shape();
  for (size_t i = 0; i < axes.size(); ++i) {
    check_extent(target[i]);
    shape[static_cast<size_t>(axes[i])] = target[i];
  }
  Tensor& output = c.output(0, data.dtype(), shape);
  if (output.size() == 0) return;
  std::vector<std::vector<int64_t>> sources;
  for (size_t axis = 0; axis < shape.size(); ++axis) sources.push_back(centered(data.shape()[axis], shape[axis]));
  mapped_copy(c, output, data, sources, Tensor(data.dtype(), {1}));
}

}  // namespace

extern const OpDef center_crop_pad_op{"", "CenterCropPad", center_crop_pad_versions, infer_center_crop_pad,
                                      eval_center_crop_pad};

}  // namespace kiln::ops
