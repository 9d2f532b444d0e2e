#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText reshape_versions[] = {
    {1, "data:T -> reshaped:T", "consumed_inputs:ints shape:ints", "T=real"},
    {5, "data:T shape:i64 -> reshaped:T", "", "T=basic"},
    {13, "data:T shape:i64 -> reshaped:T", "", "T=basic,bf16"},
    {14, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,bf16"},
    {19, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16"},
    {21, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

constexpr int64_t take_rest = -1;

bool zero_means_zero(const NodeView& node) { return node.attr_int("allowzero", 0) != 0; }

void check_target(int64_t extent) {
  if (extent < take_rest) fail(ErrorCode::invalid_argument, "the target shape has dim {}, expected -1 or more", extent);
}

[[noreturn]] void fail_second_rest() { fail(ErrorCode::invalid_argument, "the target shape has more than one dim -1"); }

[[noreturn]] void fail_position(size_t position, size_t rank) {
  fail(ErrorCode::invalid_argument, "dim {} of the target shape is 0, which copies it, but the input has rank {}",
       position, rank);
}

[[noreturn]] void fail_rest_beside_zero() {
  fail(ErrorCode::invalid_argument, "a target shape whose other dims have the product 0 cannot have a dim -1");
}

Shape resolve(const Shape& input, std::vector<int64_t> target, bool keep_zero) {
  std::optional<size_t> rest;
  int64_t others = 1;
  for (size_t i = 0; i < target.size(); ++i) {
    check_target(target[i]);
    if (target[i] == take_rest) {
      if (rest) fail_second_rest();
      rest = i;
      continue;
    }
    if (target[i] == 0 && !keep_zero) {
      if (i >= input.size()) fail_position(i, input.size());
      target[i] = input[i];
    }
    if (__builtin_mul_overflow(others, target[i], &others)) {
      fail(ErrorCode::limit_exceeded, "the target shape {} is too large", to_string(target));
    }
  }
  const int64_t size = element_count(input);
  if (rest) {
    if (others == 0) fail_rest_beside_zero();
    if (size % others != 0) {
      fail(ErrorCode::invalid_argument, "{} elements of shape {} do not divide into target shape {}", size,
           to_string(input), to_string(target));
    }
    target[*rest] = size / others;
  } else if (others != size) {
    fail(ErrorCode::invalid_argument, "an input of shape {} does not fit target shape {}", to_string(input),
         to_string(target));
  }
  return target;
}

void eval_reshape(EvalContext& c) {
  std::vector<int64_t> target;
  if (c.version() == 1) {
    const auto attribute = c.attr_ints("shape");
    target.assign(attribute.begin(), attribute.end());
  } else {
    target = c.input_ints(1);
  }
  c.set_output(0, c.input(0).reshaped(resolve(c.input(0).shape(), std::move(target), zero_means_zero(c))));
}

/// The factors of the input's size that the target's other dims do not cancel, over those that remain of the target.
struct Quotient {
  SymShape above, below;

  void cancel() {
    for (size_t i = 0; i < below.size();) {
      const auto same = std::find(above.begin(), above.end(), below[i]);
      if (same == above.end()) {
        ++i;
      } else {
        above.erase(same);
        below.erase(below.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }

  Dim value() const {
    const Dim from = product(above, 0, above.size()), by = product(below, 0, below.size());
    if (from.is_known() && by.is_known() && by.value() != 0 && from.value() % by.value() != 0) {
      fail(ErrorCode::invalid_argument, "the input's size does not divide into the target shape: {} by {}",
           from.value(), by.value());
    }
    return floor_div(from, by);
  }
};

std::optional<std::vector<Dim>> target_dims(const InferContext& c) {
  if (c.version() > 1) return tracked_dims(c, 1);
  const auto attribute = c.attr_ints("shape");
  return std::vector<Dim>(attribute.begin(), attribute.end());
}

void check_sizes(const SymShape& input, const SymShape& output) {
  const Dim before = product(input, 0, input.size()), after = product(output, 0, output.size());
  if (before.is_known() && after.is_known() && !(before == after)) {
    fail(ErrorCode::invalid_argument, "an input of shape {} does not fit target shape {}", to_string(input),
         to_string(output));
  }
}

SymShape infer_target(const SymShape* input, std::vector<Dim> target, bool keep_zero) {
  std::optional<size_t> rest;
  bool has_zero = false;
  std::vector<bool> copied(target.size(), false);
  for (size_t i = 0; i < target.size(); ++i) {
    if (!target[i].is_known()) continue;
    check_target(target[i].value());
    if (target[i].value() == take_rest) {
      if (rest) fail_second_rest();
      rest = i;
    } else if (target[i].value() == 0 && !keep_zero) {
      if (input && i >= input->size()) fail_position(i, input->size());
      target[i] = input ? (*input)[i] : Dim();
      copied[i] = input != nullptr;
    }
    has_zero = has_zero || target[i] == Dim(0);
  }
  if (!rest) {
    if (input) check_sizes(*input, target);
    return target;
  }
  if (has_zero) fail_rest_beside_zero();
  target[*rest] = Dim();
  if (!input) return target;
  Quotient quotient;
  for (size_t i = 0; i < input->size(); ++i) {
    if (i >= copied.size() || !copied[i]) quotient.above.push_back((*input)[i]);
  }
  for (size_t i = 0; i < target.size(); ++i) {
    if (i != *rest && !copied[i]) quotient.below.push_back(target[i]);
  }
  quotient.cancel();
  target[*rest] = quotient.value();
  return target;
}

void infer_reshape(InferContext& c) {
  if (const SymShape* shape = c.version() > 1 ? c.shape(1) : nullptr; shape && shape->size() != 1) {
    fail(ErrorCode::invalid_argument, "the target shape must be a list, found shape {}", to_string(*shape));
  }
  const auto target = target_dims(c);
  if (!target) return c.set_output(0, c.dtype(0));
  c.set_output(0, c.dtype(0), infer_target(c.shape(0), *target, zero_means_zero(c)));
  if (const auto elements = c.dims(0); elements && target->size() <= 1) c.set_dims(0, *elements);
}

}  // namespace

extern const OpDef reshape_op{"", "Reshape", reshape_versions, infer_reshape, eval_reshape};

}  // namespace kiln::ops
