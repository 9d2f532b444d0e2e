#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText split_versions[] = {
    {1, "input:T split?:T -> outputs...*:T", "axis:int split:ints", "T=real"},
    {2, "input:T -> outputs*:T", "axis:int=0 split:ints", "T=basic"},
    {11, "input:T -> outputs*:T", "axis:int=0 split:ints", "T=basic"},
    {13, "input:T split?:i64 -> outputs*:T", "axis:int=0", "T=basic,bf16"},
    {18, "input:T split?:i64 -> outputs*:T", "axis:int=0 num_outputs:int", "T=basic,bf16"},
};

bool lists_lengths(const NodeView& node, bool has_input) {
  const int version = node.version();
  return (version == 1 && (has_input || node.has_attribute("split"))) ||
         (version > 1 && version < 13 && node.has_attribute("split")) || (version >= 13 && has_input);
}

std::vector<int64_t> attribute_lengths(const NodeView& node) {
  const auto lengths = node.attr_ints("split");
  return {lengths.begin(), lengths.end()};
}

void check_lengths(std::span<const int64_t> lengths, size_t outputs, std::optional<int64_t> extent) {
  if (lengths.size() != outputs) {
    fail(ErrorCode::invalid_argument, "{} lengths given for {} outputs", lengths.size(), outputs);
  }
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

/// Into how many parts a node without lengths cuts.
int64_t part_count(const NodeView& node, size_t outputs) {
  if (node.version() < 18) return static_cast<int64_t>(outputs);
  if (!node.has_attribute("num_outputs")) {
    fail(ErrorCode::invalid_argument, "neither input 'split' nor attribute 'num_outputs' is given");
  }
  const int64_t count = node.attr_int("num_outputs");
  if (count < 1 || static_cast<size_t>(count) < outputs) {
    fail(ErrorCode::invalid_argument, "attribute 'num_outputs' is {}, but the node has {} outputs", count, outputs);
  }
  return count;
}

void check_only_one(const NodeView& node, bool has_input) {
  if (node.version() >= 18 && has_input && node.has_attribute("num_outputs")) {
    fail(ErrorCode::invalid_argument, "both input 'split' and attribute 'num_outputs' are given");
  }
}

std::vector<int64_t> equal_lengths(const NodeView& node, int64_t extent, size_t outputs) {
  const int64_t count = part_count(node, outputs);
  const bool even = extent % count == 0;
  if (!even && node.version() < 18) {
    fail(ErrorCode::invalid_argument, "{} elements cannot be split into {} equal parts", extent, count);
  }
  // What the first parts take may leave nothing for the last ones.
  const int64_t length = extent / count + (even ? 0 : 1);
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < outputs; ++i) {
    lengths.push_back(std::min(length, extent));
    extent -= lengths.back();
  }
  return lengths;
}

/// Whether every part but the last can have its full length, which version 18 no longer takes for granted.
bool has_room(const NodeView& node, int64_t extent, size_t outputs) {
  const int64_t count = part_count(node, outputs);
  const int64_t length = extent / count + (extent % count == 0 ? 0 : 1);
  return node.version() < 18 || length * (count - 1) <= extent;
}

void set_all(InferContext& c, const std::optional<SymShape>& shape) {
  for (size_t i = 0; i < c.output_count(); ++i) c.set_output(i, c.dtype(0), shape);
}

/// The length of a part when the axis is a symbol and all parts are to be equal.
Dim symbolic_length(const NodeView& node, const Dim& extent, size_t index, size_t outputs) {
  const int64_t count = part_count(node, outputs);
  if (node.version() < 18) return floor_div(extent, Dim(count));
  const Dim length = ceil_div(extent, Dim(count));
  if (index == 0 || length * Dim(count) == extent) return length;
  const Dim left = extent - length * Dim(static_cast<int64_t>(index));
  return count == 2 ? left : max(min(length, left), Dim(0));
}

void infer_split(InferContext& c) {
  check_only_one(c, c.has_input(1));
  const size_t outputs = c.output_count();
  const SymShape* data = c.shape(0);
  if (!data) return set_all(c, {});
  const int64_t axis = normalize_axis(c.attr_int("axis", 0), static_cast<int64_t>(data->size()));
  SymShape shape = *data;
  const Dim extent = (*data)[static_cast<size_t>(axis)];
  Dim& part = shape[static_cast<size_t>(axis)];
  part = Dim();
  std::vector<Dim> lengths(outputs);
  const std::optional<int64_t> known = extent.is_known() ? std::optional(extent.value()) : std::nullopt;
  if (lists_lengths(c, c.has_input(1))) {
    const bool from_attribute = c.version() < 13 && c.has_attribute("split");
    const auto listed = from_attribute     ? std::optional(attribute_lengths(c))
                        : c.version() < 13 ? std::nullopt
                                           : tracked_ints(c, 1);
    if (listed) {
      check_lengths(*listed, outputs, known);
      lengths.assign(listed->begin(), listed->end());
    } else if (const auto elements = c.dims(1); elements && elements->size() == outputs) {
      lengths = *elements;
    }
  } else if (known && !has_room(c, *known, outputs)) {
    // ONNX's own body of AffineGrid has such a Split in the branch that is not taken, so that only a run may fail.
  } else if (known) {
    const std::vector<int64_t> equal = equal_lengths(c, *known, outputs);
    lengths.assign(equal.begin(), equal.end());
  } else {
    for (size_t i = 0; i < outputs; ++i) lengths[i] = symbolic_length(c, extent, i, outputs);
  }
  for (size_t i = 0; i < outputs; ++i) {
    part = lengths[i];
    c.set_output(i, c.dtype(0), shape);
  }
}

/// Version 1 may give the lengths as a tensor of the data's type.
std::vector<int64_t> input_lengths(const EvalContext& c) {
  if (c.version() >= 13) return c.input_ints(1);
  const Tensor& list = c.input(1);
  return dispatch(Types<float, double, f16>{}, list.dtype(), [&]<class T> {
    std::vector<int64_t> lengths;
    for (const T& element : list.elements<T>()) {
      const auto length = static_cast<double>(element);
      lengths.push_back(length >= 0 && length < 9e15 ? static_cast<int64_t>(length) : -1);
    }
    return lengths;
  });
}

void eval_split(EvalContext& c) {
  check_only_one(c, c.has_input(1));
  const Tensor& input = c.input(0);
  const int64_t axis = normalize_axis(c.attr_int("axis", 0), input.rank());
  const int64_t extent = input.dim(axis);
  std::vector<int64_t> lengths;
  if (lists_lengths(c, c.has_input(1))) {
    const bool from_attribute = c.version() < 13 && c.has_attribute("split");
    lengths = from_attribute ? attribute_lengths(c) : input_lengths(c);
    check_lengths(lengths, c.output_count(), extent);
  } else {
    lengths = equal_lengths(c, extent, c.output_count());
  }
  const AxisView whole(input.shape(), axis);
  int64_t at = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    Shape shape = input.shape();
    shape[static_cast<size_t>(axis)] = lengths[i];
    if (c.wants_output(i)) {
      Tensor& part = c.output(i, input.dtype(), shape);
      const int64_t run = lengths[i] * whole.inner;
      for (int64_t row = 0; row < whole.outer && run > 0; ++row) {
        copy_elements(part, row * run, input, (row * whole.extent + at) * whole.inner, run);
      }
    }
    at += lengths[i];
  }
}

}  // namespace

extern const OpDef split_op{"", "Split", split_versions, infer_split, eval_split};

}  // namespace kiln::ops
