#include "kernels/pool/pool.hpp"

#include "ops/support/window_shape.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/row_problem.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

std::string decline_pool(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (!is_image(p.inputs[0].shape)) return "not one or two spatial axes";
  if (p.outputs.size() > 1 && p.outputs[1].is_given()) return "indices are asked for";
  return "";
}

PoolProblem pool_problem(const Problem& p) {
  const NodeView node = p.view();
  const Shape& x = p.inputs[0].shape;
  ops::Window window = ops::read_pool_window(node, x.size() - 2);
  ops::resolve_pads(window, x);
  const bool flat = x.size() == 3;
  PoolProblem pool;
  pool.kind = p.anchor().op_type == "MaxPool" ? PoolKind::max : PoolKind::mean;
  if (!flat) {
    pool.kernel_h = window.kernel[0];
    pool.stride_h = window.strides[0];
    pool.dilation_h = window.dilations[0];
    pool.pad_top = window.pads_begin[0], pool.pad_bottom = window.pads_end[0];
  }
  pool.kernel_w = window.kernel.back();
  pool.stride_w = window.strides.back();
  pool.dilation_w = window.dilations.back();
  pool.pad_left = window.pads_begin.back(), pool.pad_right = window.pads_end.back();
  pool.count_include_pad = pool.kind == PoolKind::mean && node.attr_int("count_include_pad", 0) != 0;
  if (p.band) pool.pad_top = p.band->in_first - (p.band->out_first * pool.stride_h - pool.pad_top);
  return pool;
}

std::optional<RowRule> pool_rows(const Problem& p, const Tuning&) {
  if (p.inputs[0].shape.size() != 4) return {};
  const PoolProblem pool = pool_problem(p);
  const int64_t span = (pool.kernel_h - 1) * pool.dilation_h + 1, height = p.inputs[0].shape[2];
  // A window that lies in the padding alone would have no input.
  if (pool.pad_top >= span || (p.outputs[0].shape[2] - 1) * pool.stride_h - pool.pad_top >= height) return {};
  RowRule rule;
  rule.down = pool.stride_h, rule.before = pool.pad_top, rule.after = span - 1 - pool.pad_top;
  return rule;
}

double pool_cost(const Problem& p, const Tuning&) {
  const PoolProblem pool = pool_problem(p);
  const double taps = static_cast<double>(pool.kernel_h + pool.kernel_w);
  const double outs = static_cast<double>(element_count(p.outputs[0].shape));
  return arithmetic_seconds(outs * taps, p.isa, 0.5) + memory_seconds(bytes_moved(p));
}

PoolPointers pool_pointers(const WorkPointers& p) { return {input_floats(p, 0), output_floats(p, 0)}; }

// ---- a whole channel ----------------------------------------------------------------------------------------------

std::string decline_global(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  const Shape& x = p.inputs[0].shape;
  if (!is_image(x)) return "not one or two spatial axes";
  const auto reduced = reduced_axes(p);
  if (!reduced) return "axes that are not constant";
  std::vector<bool> spatial(x.size(), true);
  spatial[0] = spatial[1] = false;
  return *reduced == spatial ? "" : "other axes than height and width";
}

std::vector<Formats> global_formats(const Problem& p) {
  Formats to_plain = blocked_ends(p);
  to_plain.outputs[0] = Format::plain;
  if (p.outputs[0].shape.size() != p.inputs[0].shape.size()) return {to_plain};
  return {blocked_ends(p), to_plain};
}

PoolKind global_kind(const Problem& p) {
  const std::string& op = p.anchor().op_type;
  return op == "GlobalMaxPool" || op == "ReduceMax" ? PoolKind::max : PoolKind::mean;
}

std::optional<RowRule> global_rows(const Problem& p, const Tuning&) {
  if (global_kind(p) != PoolKind::mean || p.inputs[0].shape.size() != 4) return {};
  RowRule rule;
  rule.aligned = 1, rule.mean_output = 0;
  for (size_t i = 1; i < p.inputs.size(); ++i) rule.whole |= 1u << i;
  return rule;
}

std::unique_ptr<Work> prepare_global(const Problem& p, const Layouts& layouts, const Tuning&) {
  if (p.band) return kernel_work(RowSumPool(layouts.inputs[0].blocked, p.isa), pool_pointers);
  const PoolKind kind = global_kind(p);
  const TensorLayout& out = layouts.outputs[0];
  const BlockedLayout& in = layouts.inputs[0].blocked;
  return kernel_work(
      out.format == Format::blocked ? GlobalPool(kind, in, out.blocked, p.isa) : GlobalPool(kind, in, p.isa),
      pool_pointers);
}

}  // namespace

namespace tactics {

constinit const Tactic pool_window{
    .name = "pool_window",
    .declines = decline_pool,
    .formats = [](const Problem& p) { return std::vector{blocked_ends(p)}; },
    .tunings = no_tuning,
    .cost = pool_cost,
    .prepare = [](const Problem& p, const Layouts& layouts, const Tuning&) -> std::unique_ptr<Work> {
      return kernel_work(Pool(pool_problem(p), layouts.inputs[0].blocked, layouts.outputs[0].blocked, p.isa),
                         pool_pointers);
    },
    .rows = pool_rows,
};

constinit const Tactic pool_global{
    .name = "pool_global",
    .declines = decline_global,
    .formats = global_formats,
    .tunings = no_tuning,
    .cost = moving_cost,
    .prepare = prepare_global,
    .rows = global_rows,
};

}  // namespace tactics
}  // namespace kiln
