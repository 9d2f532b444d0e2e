#include "ops/support/recurrent.hpp"

#include "base/error.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {

namespace {

/// The default of GRU-1 is misspelt in the standard.
bool is_forward(const std::string& direction) { return direction == "forward" || direction == "foward"; }

int64_t directions_of(const NodeView& node) {
  const std::string& direction = node.attr_string("direction");
  if (is_forward(direction) || direction == "reverse") return 1;
  if (direction == "bidirectional") return 2;
  fail(ErrorCode::invalid_argument, "direction must be forward, reverse or bidirectional, found '{}'", direction);
}

bool batch_first_of(const NodeView& node) {
  const int64_t layout = node.attr_int("layout", 0);
  if (layout != 0 && layout != 1) fail(ErrorCode::invalid_argument, "layout must be 0 or 1, found {}", layout);
  return layout == 1;
}

void expect_shape(const Tensor& tensor, const Shape& expected, const char* name) {
  if (tensor.shape() != expected) {
    fail(ErrorCode::invalid_argument, "{} must have shape {}, found {}", name, to_string(expected),
         to_string(tensor.shape()));
  }
}

std::vector<int64_t> lengths_of(const EvalContext& c, int64_t batch, int64_t steps) {
  if (!c.has_input(4)) return std::vector<int64_t>(static_cast<size_t>(batch), steps);
  expect_shape(c.input(4), {batch}, "sequence_lens");
  std::vector<int64_t> lengths = c.input_ints(4);
  for (int64_t length : lengths) {
    if (length < 0 || length > steps) {
      fail(ErrorCode::invalid_argument, "sequence_lens has the length {} where sequences have {} steps", length, steps);
    }
  }
  return lengths;
}

/// Dims of an input that must have this rank; unknown ones while nothing is known.
SymShape ranked(const InferContext& c, size_t index, size_t rank) {
  if (!c.shape(index)) return SymShape(rank);
  if (c.shape(index)->size() != rank) {
    fail(ErrorCode::invalid_argument, "input {} must have rank {}, found {}", index, rank, c.shape(index)->size());
  }
  return *c.shape(index);
}

}  // namespace

Shape RecurrentProblem::output_shape() const {
  return batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden};
}

Shape RecurrentProblem::state_shape() const {
  return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
}

RecurrentProblem read_recurrent(EvalContext& c, int64_t gates) {
  const Tensor &x = c.input(0), &r = c.input(2);
  if (x.rank() != 3) fail(ErrorCode::invalid_argument, "X must have rank 3, found shape {}", to_string(x.shape()));
  if (r.rank() != 3) fail(ErrorCode::invalid_argument, "R must have rank 3, found shape {}", to_string(r.shape()));
  RecurrentProblem p{};
  p.batch_first = batch_first_of(c);
  p.directions = directions_of(c);
  p.reverse = c.attr_string("direction") == "reverse";
  p.gates = gates;
  p.steps = x.dim(p.batch_first ? 1 : 0);
  p.batch = x.dim(p.batch_first ? 0 : 1);
  p.input_size = x.dim(2);
  p.hidden = r.dim(2);
  const int64_t stated = c.attr_int("hidden_size", p.hidden);
  if (stated != p.hidden) {
    fail(ErrorCode::invalid_argument, "hidden_size is {}, R of shape {} says {}", stated, to_string(r.shape()),
         p.hidden);
  }
  expect_shape(c.input(1), {p.directions, p.width(), p.input_size}, "W");
  expect_shape(r, {p.directions, p.width(), p.hidden}, "R");
  if (c.has_input(3)) expect_shape(c.input(3), {p.directions, 2 * p.width()}, "B");
  p.lengths = lengths_of(c, p.batch, p.steps);
  return p;
}

const Tensor* initial_state(const EvalContext& c, const RecurrentProblem& problem, size_t index) {
  if (!c.has_input(index)) return nullptr;
  expect_shape(c.input(index), problem.state_shape(), index == 5 ? "initial_h" : "initial_c");
  return &c.input(index);
}

void infer_recurrent(InferContext& c, int64_t gates) {
  const bool batch_first = batch_first_of(c);
  const Dim directions(directions_of(c));
  const SymShape x = ranked(c, 0, 3), w = ranked(c, 1, 3), r = ranked(c, 2, 3);
  Dim hidden = r[2];
  if (c.has_attribute("hidden_size")) hidden = merge_dims(hidden, Dim(c.attr_int("hidden_size")), "hidden sizes");
  merge_dims(w[0], directions, "numbers of directions of W");
  merge_dims(r[0], directions, "numbers of directions of R");
  merge_dims(w[1], hidden * Dim(gates), "rows of W");
  merge_dims(r[1], hidden * Dim(gates), "rows of R");
  merge_dims(w[2], x[2], "input sizes of X and W");
  if (c.has_input(3)) merge_dims(ranked(c, 3, 2)[1], hidden * Dim(2 * gates), "elements of B");
  const Dim &steps = x[batch_first ? 1 : 0], &batch = x[batch_first ? 0 : 1];
  if (c.has_input(4)) merge_dims(ranked(c, 4, 1)[0], batch, "batch sizes of X and sequence_lens");
  const SymShape state = batch_first ? SymShape{batch, directions, hidden} : SymShape{directions, batch, hidden};
  for (size_t index = 5; index < 7 && index < c.input_count(); ++index) {
    const SymShape given = ranked(c, index, 3);
    for (size_t i = 0; i < 3; ++i) merge_dims(given[i], state[i], "extents of the initial state");
  }
  const DType dtype = c.dtype(0);
  c.set_output(0, dtype,
               batch_first ? SymShape{batch, steps, directions, hidden} : SymShape{steps, directions, batch, hidden});
  c.set_output(1, dtype, state);
  c.set_output(2, dtype, state);
}

}  // namespace kiln::ops
