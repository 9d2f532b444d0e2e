#include "ops/support/heads.hpp"

#include "base/error.hpp"

namespace kiln::ops {

namespace {

void check_heads(int64_t heads, const char* what) {
  if (heads <= 0)
    fail(ErrorCode::invalid_argument, "the number of heads of {} must be positive, found {}", what, heads);
}

[[noreturn]] void fail_indivisible(const char* what, int64_t hidden, int64_t heads) {
  fail(ErrorCode::invalid_argument, "{}: {} elements cannot be divided over {} heads", what, hidden, heads);
}

}  // namespace

HeadLayout head_layout(const Shape& shape, int64_t heads, const char* what) {
  if (shape.size() == 4) {
    const int64_t row = shape[3], head = shape[2] * row;
    return {shape[0], shape[1], shape[2], shape[3], shape[1] * head, head, row};
  }
  if (shape.size() != 3) {
    fail(ErrorCode::invalid_argument, "{} must have rank 3 or 4, found shape {}", what, to_string(shape));
  }
  check_heads(heads, what);
  if (shape[2] % heads != 0) fail_indivisible(what, shape[2], heads);
  const int64_t size = shape[2] / heads;
  return {shape[0], heads, shape[1], size, shape[1] * shape[2], size, shape[2]};
}

HeadDims head_dims(const SymShape& shape, int64_t heads, const char* what) {
  if (shape.size() == 4) return {shape[0], shape[1], shape[2], shape[3]};
  if (shape.size() != 3) {
    fail(ErrorCode::invalid_argument, "{} must have rank 3 or 4, found shape {}", what, to_string(shape));
  }
  check_heads(heads, what);
  if (shape[2].is_known() && shape[2].value() % heads != 0) fail_indivisible(what, shape[2].value(), heads);
  return {shape[0], Dim(heads), shape[1], floor_div(shape[2], Dim(heads))};
}

void check_head_groups(int64_t query_heads, int64_t key_heads) {
  if (key_heads <= 0 || query_heads % key_heads != 0) {
    fail(ErrorCode::invalid_argument, "{} query heads cannot be shared out over {} key and value heads", query_heads,
         key_heads);
  }
}

DType precision_of(const NodeView& node, DType otherwise) {
  const int64_t number = node.attr_int("softmax_precision", static_cast<int64_t>(otherwise));
  switch (number) {
    case static_cast<int64_t>(DType::f32):
    case static_cast<int64_t>(DType::f16):
    case static_cast<int64_t>(DType::f64):
    case static_cast<int64_t>(DType::bf16): return static_cast<DType>(number);
    default:
      fail(ErrorCode::invalid_argument, "softmax_precision must be 1, 10, 11 or 16 (a float type), found {}", number);
  }
}

}  // namespace kiln::ops
