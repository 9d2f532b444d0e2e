#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText split_to_sequence_versions[] = {
    {11, "input:T split?:I -> output_sequence:S", "axis:int=0 keepdims:int=1", "T=basic I=i32,i64 S=seq(basic)"},
    {24, "input:T split?:I -> output_sequence:S", "axis:int=0 keepdims:int=1",
     "T=basic,bf16 I=i32,i64 S=seq(basic,bf16)"},
};

/// An axis may be long where another has no elements, so that the data's own size is no bound.
constexpr int64_t max_parts = int64_t{1} << 24;

/// A scalar cuts into chunks of one size, of which the last may be smaller.
std::vector<int64_t> chunks(int64_t size, int64_t extent) {
  if (size > 0 && extent / size >= max_parts) {
    fail(ErrorCode::limit_exceeded, "{} elements in chunks of {} are more than {} parts", extent, size, max_parts);
  }
  if (size < 1) fail(ErrorCode::invalid_argument, "the size of the chunks is {}, expected 1 or more", size);
  std::vector<int64_t> lengths(static_cast<size_t>(extent / size), size);
  if (extent % size != 0) lengths.push_back(extent % size);
  return lengths;
}

void check_lengths(std::span<const int64_t> lengths, std::optional<int64_t> extent) {
  int64_t sum = 0;
  for (int64_t length : lengths) {
    if (length < 0 || __builtin_add_overflow(sum, length, &sum)) {
      fail(ErrorCode::invalid_argument, "{} is no length of a part", length);
    }
  }
  if (extent && sum != *extent) {
    fail(ErrorCode::invalid_argument, "the lengths of the parts add up to {}, the axis has {} elements", sum, *extent);
  }
}

/// The extent that all parts have along the axis; unknown when they differ.
Dim common_extent(const InferContext& c, const Dim& extent) {
  const auto lengths = tracked_ints(c, 1);
  const SymShape* shape = c.shape(1);
  if (!lengths || !shape) return {};
  const std::optional<int64_t> known = extent.is_known() ? std::optional(extent.value()) : std::nullopt;
  if (shape->empty()) {
    if (lengths->front() < 1) chunks(lengths->front(), 0);
    return known && *known % lengths->front() == 0 ? Dim(lengths->front()) : Dim();
  }
  if (lengths->empty()) fail(ErrorCode::invalid_argument, "input 'split' is empty");
  check_lengths(*lengths, known);
  const bool equal = std::all_of(lengths->begin(), lengths->end(), [&](int64_t n) { return n == lengths->front(); });
  return equal ? Dim(lengths->front()) : Dim();
}

void infer_split_to_sequence(InferContext& c) {
  const SymShape* input = c.shape(0);
  if (!input) return c.set_output(0, Type::sequence(Type::tensor(c.dtype(0))));
  SymShape shape = *input;
  const int64_t axis = normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape.size()));
  if (c.has_input(1)) {
    shape[static_cast<size_t>(axis)] = common_extent(c, shape[static_cast<size_t>(axis)]);
  } else if (c.attr_int("keepdims") != 0) {
    shape[static_cast<size_t>(axis)] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  c.set_output(0, Type::sequence(Type::tensor(c.dtype(0), shape)));
}

void eval_split_to_sequence(EvalContext& c) {
  const Tensor& input = c.input(0);
  const int64_t axis = normalize_axis(c.attr_int("axis"), input.rank());
  const int64_t extent = input.dim(axis);
  const bool drops_axis = !c.has_input(1) && c.attr_int("keepdims") == 0;
  std::vector<int64_t> lengths;
  if (!c.has_input(1)) {
    lengths = chunks(1, extent);
  } else if (c.input(1).rank() == 0) {
    lengths = chunks(c.input_int(1), extent);
  } else {
    lengths = c.input_ints(1);
    check_lengths(lengths, extent);
  }
  const AxisView view(input.shape(), axis);
  Sequence sequence;
  sequence.dtype = input.dtype();
  int64_t at = 0;
  for (int64_t length : lengths) {
    Shape shape = input.shape();
    shape[static_cast<size_t>(axis)] = length;
    Tensor part = c.host().allocate(input.dtype(), shape);
    const int64_t run = length * view.inner;
    for (int64_t row = 0; row < view.outer && run > 0; ++row) {
      copy_elements(part, row * run, input, (row * extent + at) * view.inner, run);
    }
    at += length;
    if (drops_axis) {
      shape.erase(shape.begin() + axis);
      part = part.reshaped(shape);
    }
    sequence.items.emplace_back(std::move(part));
  }
  c.set_output(0, std::move(sequence));
}

}  // namespace

extern const OpDef split_to_sequence_op{"", "SplitToSequence", split_to_sequence_versions, infer_split_to_sequence,
                                        eval_split_to_sequence};

}  // namespace kiln::ops
