#include "kernels/resize/resize.hpp"

#include "ops/support/resize_shape.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/row_problem.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

/// What a Resize or Upsample does to each axis; nothing where that is known in a run only.
std::optional<std::vector<ops::ResampledAxis>> resized_axes(const Problem& p) {
  const NodeView node = p.view();
  const Shape& x = p.inputs[0].shape;
  const Shape& y = p.outputs[0].shape;
  const bool upsample = p.anchor().op_type == "Upsample";
  const size_t scales = upsample || node.version() == 10 ? 1 : 2;
  const auto is_given = [&](size_t input) { return p.has_input(input) && element_count(p.inputs[input].shape) > 0; };
  ops::ResizeTarget target;
  target.axes = ops::read_resize_axes(node, x.size());
  target.policy = ops::read_resize_policy(node);
  if (upsample && node.version() < 9) {
    const auto factors = node.attr_floats("scales");
    target.scales.emplace(factors.begin(), factors.end());
    if (node.version() == 1) {
      target.scales = std::vector<float>{1, 1, node.attr_float("height_scale"), node.attr_float("width_scale")};
    }
  } else if (is_given(scales)) {
    const Tensor* factors = p.inputs[scales].constant;
    if (factors == nullptr) return {};
    target.scales.emplace(factors->elements<float>().begin(), factors->elements<float>().end());
  } else if (target.policy == ops::ResizeTarget::Policy::stretch) {
    target.sizes.emplace();
    for (const int64_t axis : target.axes) target.sizes->push_back(y[static_cast<size_t>(axis)]);
  } else {
    const Tensor* sizes = is_given(3) ? p.inputs[3].constant : nullptr;
    if (sizes == nullptr) return {};
    target.sizes.emplace(sizes->elements<int64_t>().begin(), sizes->elements<int64_t>().end());
  }
  return ops::resize_axes(target, x);
}

std::string decline_resize(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (!is_image(p.inputs[0].shape)) return "not one or two spatial axes";
  if (ops::Resampling::read(p.view()).transform == ops::Resampling::Transform::tf_crop_and_resize) return "a region";
  const auto axes = resized_axes(p);
  if (!axes) return "scales or sizes that are not constant";
  return (*axes)[0].is_identity() && (*axes)[1].is_identity() ? "" : "a resized batch or channel axis";
}

/// Rows that are repeated the same number of times each.
std::optional<RowRule> resize_rows(const Problem& p, const Tuning&) {
  if (p.inputs[0].shape.size() != 4) return {};
  const int64_t from = p.inputs[0].shape[2], to = p.outputs[0].shape[2], times = to / from;
  const ops::Resampling how = ops::Resampling::read(p.view());
  const bool nearest = how.mode == ops::Resampling::Mode::nearest;
  if (!nearest || to != times * from || how.transform == ops::Resampling::Transform::align_corners) return {};
  const ops::TapTable table(how, (*resized_axes(p))[2]);
  for (int64_t y = 0; y < to; ++y) {
    if (table.indices[static_cast<size_t>(y)] != y / times) return {};
  }
  RowRule rule;
  rule.multiple = rule.up = times;
  rule.whole = ~1u;
  return rule;
}

std::unique_ptr<Work> prepare_resize(const Problem& p, const Layouts& layouts, const Tuning&) {
  std::vector<ops::ResampledAxis> axes = *resized_axes(p);
  if (p.band) {
    axes[2].input = p.band->in_rows, axes[2].output = p.band->out_rows;
    axes[2].length = axes[2].scale * static_cast<double>(axes[2].input);
  }
  const ops::ResampledAxis flat{1, 1, 1, 1};
  return kernel_work(Resize(ops::Resampling::read(p.view()), axes.size() == 4 ? axes[2] : flat, axes.back(),
                            layouts.inputs[0].blocked, layouts.outputs[0].blocked, p.isa),
                     [](const WorkPointers& pointers) {
                       return ResizePointers{input_floats(pointers, 0), output_floats(pointers, 0)};
                     });
}

double resize_cost(const Problem& p, const Tuning&) {
  const bool nearest = ops::Resampling::read(p.view()).mode == ops::Resampling::Mode::nearest;
  const double outs = static_cast<double>(element_count(p.outputs[0].shape));
  return memory_seconds(bytes_moved(p)) + (nearest ? 0 : arithmetic_seconds(outs * 8, p.isa, 0.5));
}

}  // namespace

namespace tactics {

constinit const Tactic resize_image{
    .name = "resize_image",
    .declines = decline_resize,
    .formats = [](const Problem& p) { return std::vector{blocked_ends(p)}; },
    .tunings = no_tuning,
    .cost = resize_cost,
    .prepare = prepare_resize,
    .rows = resize_rows,
};

}  // namespace tactics
}  // namespace kiln
