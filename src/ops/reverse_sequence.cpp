#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText reverse_sequence_versions[] = {
    {10, "input:T sequence_lens:i64 -> Y:T", "batch_axis:int=1 time_axis:int=0", "T=basic"},
    {28, "input:T sequence_lens:i64 -> Y:T", "batch_axis:int=1 time_axis:int=0", "T=basic,bf16"},
};

bool time_is_first(const NodeView& node) {
  const int64_t time = node.attr_int("time_axis"), batch = node.attr_int("batch_axis");
  if (time < 0 || time > 1 || batch < 0 || batch > 1 || time == batch) {
    fail(ErrorCode::invalid_argument, "time_axis {} and batch_axis {} should be 0 and 1, or 1 and 0", time, batch);
  }
  return time == 0;
}

void check_sequence_ranks(size_t data, size_t lengths) {
  if (data < 2) fail(ErrorCode::invalid_argument, "the input must have rank 2 or more, found {}", data);
  if (lengths != 1) fail(ErrorCode::invalid_argument, "sequence_lens must be a list, found rank {}", lengths);
}

void infer_reverse_sequence(InferContext& c) {
  const bool time_first = time_is_first(c);
  const SymShape *data = c.shape(0), *lengths = c.shape(1);
  if (data && lengths) {
    check_sequence_ranks(data->size(), lengths->size());
    merge_dims((*data)[time_first ? 1 : 0], lengths->front(), "batch size and sequence_lens");
  }
  infer_same_as_first(c);
}

void eval_reverse_sequence(EvalContext& c) {
  const Tensor& input = c.input(0);
  const bool time_first = time_is_first(c);
  check_sequence_ranks(input.shape().size(), c.input(1).shape().size());
  const std::vector<int64_t> lengths = c.input_ints(1);
  const int64_t batch = input.dim(time_first ? 1 : 0), time = input.dim(time_first ? 0 : 1);
  if (static_cast<int64_t>(lengths.size()) != batch) {
    fail(ErrorCode::invalid_argument, "{} sequence lengths given for a batch of {}", lengths.size(), batch);
  }
  for (int64_t length : lengths) {
    if (length < 0 || length > time) {
      fail(ErrorCode::invalid_argument, "sequence length {} is outside [0, {}]", length, time);
    }
  }
  Tensor& output = c.output(0, input.dtype(), input.shape());
  if (output.size() == 0) return;
  const int64_t run = output.size() / (batch * time);
  const int64_t batch_step = time_first ? run : time * run, time_step = time_first ? batch * run : run;
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t length = lengths[static_cast<size_t>(b)];
    for (int64_t t = 0; t < time; ++t) {
      const int64_t from = t < length ? length - 1 - t : t;
      copy_elements(output, b * batch_step + t * time_step, input, b * batch_step + from * time_step, run);
    }
  }
}

}  // namespace

extern const OpDef reverse_sequence_op{"", "ReverseSequence", reverse_sequence_versions, infer_reverse_sequence,
                                       eval_reverse_sequence};

}  // namespace kiln::ops
