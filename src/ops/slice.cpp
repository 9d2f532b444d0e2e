#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText slice_versions[] = {
    {1, "data:T -> output:T", "axes:ints ends!:ints starts!:ints", "T=basic"},
    {10, "data:T starts:Tind ends:Tind axes?:Tind steps?:Tind -> output:T", "", "T=basic Tind=i32,i64"},
    {11, "data:T starts:Tind ends:Tind axes?:Tind steps?:Tind -> output:T", "", "T=basic Tind=i32,i64"},
    {13, "data:T starts:Tind ends:Tind axes?:Tind steps?:Tind -> output:T", "", "T=basic,bf16 Tind=i32,i64"},
};

/// What a start or end beyond this means is "to the very end", whatever the extent.
constexpr int64_t endless = std::numeric_limits<int32_t>::max();

void check_step(int64_t step) {
  if (step == 0) fail(ErrorCode::invalid_argument, "a step must not be 0");
}

void check_count(const char* what, size_t found, size_t expected) {
  if (found != expected) fail(ErrorCode::invalid_argument, "{} {} given for {} starts", found, what, expected);
}

struct SliceRange {
  int64_t start, step, length;
};

SliceRange range_of(int64_t start, int64_t end, int64_t step, int64_t extent) {
  check_step(step);
  step = std::max(step, -std::numeric_limits<int64_t>::max());
  if (extent == 0) return {0, step, 0};
  if (start < 0) start += extent;
  if (end < 0) end += extent;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    return {start, step, end > start ? 1 + (end - start - 1) / step : 0};
  }
  start = std::clamp<int64_t>(start, 0, extent - 1);
  end = std::clamp<int64_t>(end, -1, extent - 1);
  return {start, step, start > end ? 1 + (start - end - 1) / -step : 0};
}

struct Arguments {
  std::vector<int64_t> starts, ends, axes, steps;
};

std::vector<int64_t> to_vector(std::span<const int64_t> numbers) { return {numbers.begin(), numbers.end()}; }

/// Axes that are left out are the first ones, steps that are left out are 1.
void complete(Arguments& a, bool has_axes, bool has_steps, int64_t rank) {
  check_count("ends", a.ends.size(), a.starts.size());
  if (!has_axes) {
    for (size_t i = 0; i < a.starts.size(); ++i) a.axes.push_back(static_cast<int64_t>(i));
  }
  if (!has_steps) a.steps.assign(a.starts.size(), 1);
  check_count("axes", a.axes.size(), a.starts.size());
  check_count("steps", a.steps.size(), a.starts.size());
  a.axes = normalize_axes(a.axes, rank);
}

Arguments arguments_of(const EvalContext& c) {
  Arguments a;
  const bool attributes = c.version() == 1;
  const bool has_axes = attributes ? c.has_attribute("axes") : c.has_input(3), has_steps = c.has_input(4);
  a.starts = attributes ? to_vector(c.attr_ints("starts")) : c.input_ints(1);
  a.ends = attributes ? to_vector(c.attr_ints("ends")) : c.input_ints(2);
  if (has_axes) a.axes = attributes ? to_vector(c.attr_ints("axes")) : c.input_ints(3);
  if (has_steps) a.steps = c.input_ints(4);
  complete(a, has_axes, has_steps, c.input(0).rank());
  return a;
}

void eval_slice(EvalContext& c) {
  const Tensor& data = c.input(0);
  const Arguments a = arguments_of(c);
  Shape shape = data.shape();
  std::vector<SliceRange> ranges;
  for (int64_t extent : shape) ranges.push_back({0, 1, extent});
  for (size_t i = 0; i < a.axes.size(); ++i) {
    const auto axis = static_cast<size_t>(a.axes[i]);
    ranges[axis] = range_of(a.starts[i], a.ends[i], a.steps[i], shape[axis]);
    shape[axis] = ranges[axis].length;
  }
  Tensor& output = c.output(0, data.dtype(), shape);
  if (output.size() == 0) return;
  std::vector<int64_t> strides = row_major_strides(data.shape());
  int64_t offset = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    offset += ranges[axis].start * strides[axis];
    strides[axis] = ranges[axis].length > 1 ? strides[axis] * ranges[axis].step : 0;
  }
  strided_copy(c, output, shape, data, offset, strides);
}

/// True for what cannot be negative: numbers, and a symbol plus a number that is not.
bool is_not_negative(const Dim& dim) {
  if (dim.is_known()) return dim.value() >= 0;
  std::vector<std::string> symbols;
  dim.collect_symbols(symbols);
  if (symbols.size() != 1) return false;
  const Dim rest = dim - Dim::symbol(symbols.front());
  return rest.is_known() && rest.value() >= 0;
}

/// Where a start or end of a forward slice falls: not above the extent, but below 0 where it lies before the first
/// element, so that differences stay simple; unknown where its sign is.
Dim bounded(const Dim& position, const Dim& extent) {
  if (position == extent) return extent;
  if (position.is_known() && position.value() < 0) return extent + position;
  if (position.is_known() && position.value() >= endless) return extent;
  if (position == Dim(0)) return 0;
  return is_not_negative(position) ? min(position, extent) : Dim();
}

/// How many elements a slice of an axis of symbolic extent has.
Dim sliced_extent(const Dim& start, const Dim& end, int64_t step, const Dim& extent) {
  check_step(step);
  if (step < 0) {
    const bool from_last = start.is_known() && (start == Dim(-1) || start.value() >= endless);
    const bool to_first = end.is_known() && end.value() < -endless;
    return from_last && to_first && step >= -endless ? ceil_div(extent, Dim(-step)) : Dim();
  }
  if (extent.is_unknown() || step > endless) return {};
  const Dim to = bounded(end, extent);
  if (to.is_unknown() || start.is_unknown()) return {};
  Dim length;
  if (start.is_known() && start.value() >= 0) {
    // min(start, extent) need not be written: beyond the extent the difference is not positive either.
    length = start == Dim(0) && (to == extent || is_not_negative(end)) ? to : max(to - start, Dim(0));
  } else if (start.is_known() && start.value() > -endless) {
    length = to == extent ? min(extent, Dim(-start.value())) : max(to - max(extent + start, Dim(0)), Dim(0));
  } else if (start.is_known()) {
    length = max(to, Dim(0));
  } else if (const Dim from = bounded(start, extent); !from.is_unknown()) {
    const Dim difference = end - start;
    length = difference.is_known() && difference.value() <= 0 ? Dim(0) : max(to - from, Dim(0));
  }
  return ceil_div(length, Dim(step));
}

std::optional<std::vector<int64_t>> given_ints(const InferContext& c, const char* attribute, size_t input) {
  return c.version() == 1 ? std::optional(to_vector(c.attr_ints(attribute))) : tracked_ints(c, input);
}

std::optional<std::vector<Dim>> given_dims(const InferContext& c, const char* attribute, size_t input) {
  if (c.version() > 1) return tracked_dims(c, input);
  const auto numbers = c.attr_ints(attribute);
  return std::vector<Dim>(numbers.begin(), numbers.end());
}

void pass_dims(InferContext& c, const Dim& start, const Dim& end, int64_t step) {
  const auto elements = c.dims(0);
  if (!elements || !start.is_known() || !end.is_known()) return;
  const SliceRange range = range_of(start.value(), end.value(), step, static_cast<int64_t>(elements->size()));
  std::vector<Dim> picked;
  for (int64_t i = 0; i < range.length; ++i) {
    picked.push_back((*elements)[static_cast<size_t>(range.start + i * range.step)]);
  }
  c.set_dims(0, std::move(picked));
}

void infer_slice(InferContext& c) {
  const SymShape* data = c.shape(0);
  if (!data) return c.set_output(0, c.dtype(0));
  const bool has_axes = c.version() == 1 ? c.has_attribute("axes") : c.has_input(3);
  const auto starts = given_dims(c, "starts", 1), ends = given_dims(c, "ends", 2);
  const auto axes = has_axes ? given_ints(c, "axes", 3) : std::nullopt;
  const auto steps = c.has_input(4) ? tracked_ints(c, 4) : std::nullopt;
  if (starts && ends) check_count("ends", ends->size(), starts->size());
  SymShape shape = *data;
  if (!starts || !ends || (has_axes && !axes)) {
    std::vector<int64_t> touched =
        axes ? normalize_axes(*axes, static_cast<int64_t>(shape.size())) : std::vector<int64_t>();
    for (size_t i = 0; i < shape.size(); ++i) {
      const bool may_change = !axes || std::count(touched.begin(), touched.end(), static_cast<int64_t>(i)) > 0;
      if (may_change) shape[i] = Dim();
    }
    return c.set_output(0, c.dtype(0), shape);
  }
  Arguments a;
  a.starts.resize(starts->size());
  a.ends.resize(ends->size());
  if (axes) a.axes = *axes;
  if (steps) a.steps = *steps;
  complete(a, has_axes, steps.has_value(), static_cast<int64_t>(shape.size()));
  const bool steps_known = steps || !c.has_input(4);
  for (size_t i = 0; i < a.axes.size(); ++i) {
    Dim& dim = shape[static_cast<size_t>(a.axes[i])];
    const Dim &start = (*starts)[i], &end = (*ends)[i];
    if (!steps_known) {
      dim = Dim();
    } else if (dim.is_known() && start.is_known() && end.is_known()) {
      dim = range_of(start.value(), end.value(), a.steps[i], dim.value()).length;
    } else {
      dim = sliced_extent(start, end, a.steps[i], dim);
    }
  }
  c.set_output(0, c.dtype(0), shape);
  if (data->size() == 1 && a.axes.size() == 1 && steps_known) pass_dims(c, (*starts)[0], (*ends)[0], a.steps[0]);
}

}  // namespace

extern const OpDef slice_op{"", "Slice", slice_versions, infer_slice, eval_slice};

}  // namespace kiln::ops
