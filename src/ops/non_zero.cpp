#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText non_zero_versions[] = {
    {9, "X:T -> Y:i64", "", "T=basic"},
    {13, "X:T -> Y:i64", "", "T=basic,bf16"},
};

void infer_non_zero(InferContext& c) {
  const SymShape* shape = c.shape(0);
  c.set_output(0, DType::i64, SymShape{shape ? Dim(static_cast<int64_t>(shape->size())) : Dim(), Dim()});
}

template <class T>
bool is_zero(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value.empty();
  } else {
    return value == T(0);
  }
}

void eval_non_zero(EvalContext& c) {
  const Tensor& input = c.input(0);
  std::vector<int64_t> places;
  dispatch(Join<NumericTypes, ComplexTypes, Types<bool, std::string>>{}, input.dtype(), [&]<class T> {
    const auto elements = input.elements<T>();
    for (size_t i = 0; i < elements.size(); ++i, stop_point()) {
      if (!is_zero(elements[i])) places.push_back(static_cast<int64_t>(i));
    }
  });
  const auto count = static_cast<int64_t>(places.size());
  // A scalar has no axes to name, so that its result is [0, count].
  int64_t* to = c.output(0, DType::i64, {input.rank(), count}).mutable_data<int64_t>();
  for (int64_t axis = input.rank(); axis-- > 0;) {
    for (int64_t i = 0; i < count; ++i, stop_point()) {
      int64_t& place = places[static_cast<size_t>(i)];
      to[axis * count + i] = place % input.dim(axis);
      place /= input.dim(axis);
    }
  }
}

}  // namespace

extern const OpDef non_zero_op{"", "NonZero", non_zero_versions, infer_non_zero, eval_non_zero};

}  // namespace kiln::ops
