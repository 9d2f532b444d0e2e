#include "kernels/reduce/reduce.hpp"

#include <map>

#include "kernels/reduce/arg_reduce.hpp"
#include "kernels/reduce/cum_sum.hpp"
#include "kernels/reduce/topk.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/reduction.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/row_problem.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

Reduction reduction_of(const Problem& p) {
  static const std::map<std::string_view, Reduction> by_op{
      {"ReduceSum", Reduction::sum},
      {"ReduceMean", Reduction::mean},
      {"ReduceL1", Reduction::l1},
      {"ReduceL2", Reduction::l2},
      {"ReduceSumSquare", Reduction::sum_square},
      {"ReduceLogSum", Reduction::log_sum},
      {"ReduceLogSumExp", Reduction::log_sum_exp},
      {"ReduceMax", Reduction::max},
      {"ReduceMin", Reduction::min},
      {"ReduceProd", Reduction::prod},
      {"GlobalAveragePool", Reduction::mean},
      {"GlobalMaxPool", Reduction::max},
  };
  return by_op.at(p.anchor().op_type);
}

std::string decline_reduce(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  return reduced_axes(p) ? "" : "axes that are not constant";
}

std::unique_ptr<Work> prepare_reduce(const Problem& p, const Layouts&, const Tuning&) {
  return kernel_work(Reduce(reduction_of(p), p.inputs[0].shape, *reduced_axes(p), p.isa),
                     [](const WorkPointers& pointers) {
                       return ReducePointers{input_floats(pointers, 0), output_floats(pointers, 0)};
                     });
}

/// Input 0 seen from the axis that the node names.
ops::AxisSplit named_axis(const Problem& p) {
  const Shape& x = p.inputs[0].shape;
  return {x, ops::normalize_axis(p.view().attr_int("axis"), static_cast<int64_t>(x.size()))};
}

int64_t* output_indices(const WorkPointers& p, size_t index) { return static_cast<int64_t*>(p.outputs[index]); }

// ---- the index of the best ----------------------------------------------------------------------------------------

std::string decline_arg(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (p.inputs[0].shape.empty()) return "a scalar";
  return named_axis(p).length <= int64_t{1} << 24 ? "" : "an axis of more than 2^24 elements";
}

std::unique_ptr<Work> prepare_arg(const Problem& p, const Layouts&, const Tuning&) {
  const ops::AxisSplit split = named_axis(p);
  const bool last = p.view().attr_int("select_last_index", 0) != 0;
  return kernel_work(ArgReduce({split.outer, split.length, split.inner, p.anchor().op_type == "ArgMin", last}, p.isa),
                     [](const WorkPointers& pointers) {
                       return ArgReducePointers{input_floats(pointers, 0), output_indices(pointers, 0)};
                     });
}

// ---- the best -----------------------------------------------------------------------------------------------------

std::string decline_topk(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (p.outputs.size() != 2 || !p.outputs[0].is_given() || !p.outputs[1].is_given()) return "an output is left out";
  return named_axis(p).length < int64_t{1} << 32 ? "" : "an axis of 2^32 elements or more";
}

std::unique_ptr<Work> prepare_topk(const Problem& p, const Layouts&, const Tuning&) {
  const ops::AxisSplit split = named_axis(p);
  TopKProblem problem{split.outer, split.length, split.inner};
  const auto axis = ops::normalize_axis(p.view().attr_int("axis"), static_cast<int64_t>(p.inputs[0].shape.size()));
  problem.k = p.outputs[0].shape[static_cast<size_t>(axis)];
  problem.largest = p.view().attr_int("largest", 1) != 0;
  return kernel_work(TopK(problem, p.isa), [](const WorkPointers& pointers) {
    return TopKPointers{input_floats(pointers, 0), output_floats(pointers, 0), output_indices(pointers, 1)};
  });
}

// ---- running sums -------------------------------------------------------------------------------------------------

std::string decline_cum_sum(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  if (p.inputs[0].shape.empty()) return "a scalar";
  if (p.inputs[1].constant == nullptr) return "an axis that is not constant";
  return p.inputs[1].constant->size() == 1 ? "" : "not one axis";
}

std::unique_ptr<Work> prepare_cum_sum(const Problem& p, const Layouts&, const Tuning&) {
  const Tensor& number = *p.inputs[1].constant;
  const int64_t axis = number.dtype() == DType::i32 ? number.elements<int32_t>()[0] : number.elements<int64_t>()[0];
  const Shape& x = p.inputs[0].shape;
  const ops::AxisSplit split(x, ops::normalize_axis(axis, static_cast<int64_t>(x.size())));
  const NodeView node = p.view();
  return kernel_work(
      CumSum({split.outer, split.length, split.inner, node.attr_int("exclusive") != 0, node.attr_int("reverse") != 0}),
      [](const WorkPointers& pointers) {
        return CumSumPointers{input_floats(pointers, 0), output_floats(pointers, 0)};
      });
}

}  // namespace

namespace tactics {

constinit const Tactic reduce_axes{
    .name = "reduce_axes",
    .declines = decline_reduce,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 1); },
    .prepare = prepare_reduce,
};

constinit const Tactic arg_reduce{
    .name = "arg_reduce",
    .declines = decline_arg,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 4); },
    .prepare = prepare_arg,
};

constinit const Tactic topk{
    .name = "topk",
    .declines = decline_topk,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 8); },
    .prepare = prepare_topk,
};

constinit const Tactic cum_sum{
    .name = "cum_sum",
    .declines = decline_cum_sum,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = [](const Problem& p, const Tuning&) { return element_cost(p, 4); },
    .prepare = prepare_cum_sum,
};

}  // namespace tactics
}  // namespace kiln
