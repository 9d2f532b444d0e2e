#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText cast_map_versions[] = {
    {1, "X:T1 -> Y:T2", "cast_to:string=TO_FLOAT map_form:string=DENSE max_map:int=1",
     "T1=map(i64,string),map(i64,f32) T2=string,f32,i64"},
};

DType target_of(const NodeView& node) {
  const std::string& name = node.attr_string("cast_to");
  if (name == "TO_FLOAT") return DType::f32;
  if (name == "TO_STRING") return DType::string;
  if (name == "TO_INT64") return DType::i64;
  fail(ErrorCode::invalid_model, "cast_to is '{}', expected TO_FLOAT, TO_STRING or TO_INT64", name);
}

bool is_sparse(const NodeView& node) {
  const std::string& form = node.attr_string("map_form");
  if (form != "DENSE" && form != "SPARSE") {
    fail(ErrorCode::invalid_model, "map_form is '{}', expected DENSE or SPARSE", form);
  }
  return form == "SPARSE";
}

int64_t sparse_length(const NodeView& node) {
  const int64_t length = node.attr_int("max_map");
  if (length < 0) fail(ErrorCode::invalid_model, "max_map is {}, and must not be negative", length);
  return length;
}

void infer_cast_map(InferContext& c) {
  const Dim length = is_sparse(c) ? Dim(sparse_length(c)) : Dim();
  c.set_output(0, target_of(c), SymShape{1, length});
}

template <class To>
To convert(float value) {
  if constexpr (std::is_same_v<To, std::string>) {
    return std::to_string(value);
  } else if constexpr (std::is_same_v<To, int64_t>) {
    constexpr float bound = 9223372036854775808.0F;
    return value >= -bound && value < bound ? static_cast<int64_t>(value) : std::numeric_limits<int64_t>::min();
  } else {
    return value;
  }
}

template <class To>
To convert(const std::string& text) {
  if constexpr (std::is_same_v<To, std::string>) {
    return text;
  } else {
    char* end = nullptr;
    To value;
    if constexpr (std::is_same_v<To, float>) {
      value = std::strtof(text.c_str(), &end);
    } else {
      value = std::strtoll(text.c_str(), &end, 10);
    }
    if (end == text.c_str()) fail(ErrorCode::invalid_argument, "'{}' is not a number", text);
    return value;
  }
}

/// The places of the map's entries in the order of their keys.
std::vector<int64_t> order_of(std::span<const int64_t> keys) {
  std::vector<int64_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)]; });
  return order;
}

template <class From, class To>
void cast(EvalContext& c, const Map& map, To filler) {
  const auto keys = map.keys.elements<int64_t>();
  const From* values = map.values.data<From>();
  if (!is_sparse(c)) {
    Tensor& output = c.output(0, dtype_of<To>, {1, map.keys.size()});
    To* to = output.mutable_data<To>();
    for (int64_t place : order_of(keys)) *to++ = convert<To>(values[place]);
    return;
  }
  const int64_t length = sparse_length(c);
  Tensor& output = c.output(0, dtype_of<To>, {1, length});
  To* to = output.mutable_data<To>();
  std::fill_n(to, length, filler);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] < 0) fail(ErrorCode::invalid_argument, "key {} of the map is negative", keys[i]);
    if (keys[i] < length) to[keys[i]] = convert<To>(values[i]);
  }
}

void eval_cast_map(EvalContext& c) {
  const Map& map = c.value(0).map();
  if (map.keys.size() != map.values.size()) {
    fail(ErrorCode::invalid_argument, "the map has {} keys and {} values", map.keys.size(), map.values.size());
  }
  dispatch(Types<float, std::string>{}, map.values.dtype(), [&]<class From>() {
    switch (target_of(c)) {
      case DType::f32: return cast<From, float>(c, map, 0);
      case DType::i64: return cast<From, int64_t>(c, map, 0);
      default: return cast<From, std::string>(c, map, "0.f");
    }
  });
}

}  // namespace

extern const OpDef cast_map_op{"ai.onnx.ml", "CastMap", cast_map_versions, infer_cast_map, eval_cast_map};

}  // namespace kiln::ops
