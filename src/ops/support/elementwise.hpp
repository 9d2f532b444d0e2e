#pragma once

#include <array>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "base/function_ref.hpp"
#include "graph/dim.hpp"
#include "ops/context.hpp"
#include "ops/support/convert.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

/// An input of an elementwise walk, and the shape that it is seen with: `shape` broadcasts to the output's.
struct Operand {
  Operand(const Tensor& t) : tensor(&t), shape(t.shape()) {}  // NOLINT(google-explicit-constructor)
  Operand(const Tensor& t, Shape seen_as) : tensor(&t), shape(std::move(seen_as)) {}
  const Tensor* tensor;
  Shape shape;
};

/// output[i] from inputs[k][i * steps[k]], for i in [0, count).
using ElementLoop = FunctionRef<void(const void* const* inputs, const int64_t* steps, void* output, int64_t count)>;

/// Runs `loop` over all of `output`, split over the threads. The loop sees each tensor in its carrier type
/// (carrier_of), so that four instantiations of an operator's arithmetic serve all element types.
void walk(EvalContext& context, const std::vector<Operand>& inputs, Tensor& output, ElementLoop loop,
          const CastRules& rules = {});
/// The same with the elements as they are stored.
void walk_stored(EvalContext& context, const std::vector<Operand>& inputs, Tensor& output, ElementLoop loop);

/// output = f(inputs...), elementwise; In and Out are the carriers of the tensors' element types.
template <class Out, class... In, class F>
void map_elements(EvalContext& context, const std::vector<Operand>& inputs, Tensor& output, F f,
                  const CastRules& rules = {}) {
  const auto loop = [&]<size_t... k>(std::index_sequence<k...>) {
    walk(
        context, inputs, output,
        [f](const void* const* in, const int64_t* steps, void* out, int64_t count) {
          const std::tuple<const In*...> from{static_cast<const In*>(in[k])...};
          Out* to = static_cast<Out*>(out);
          const std::array<int64_t, sizeof...(In)> step{steps[k]...};
          for (int64_t i = 0; i < count; ++i) to[i] = f(std::get<k>(from)[i * step[k]]...);
        },
        rules);
  };
  loop(std::index_sequence_for<In...>{});
}

using FloatCarriers = Types<float, double>;
using IntCarriers = Types<int64_t, uint64_t>;
using Carriers = Join<FloatCarriers, IntCarriers>;
using SignedCarriers = Join<FloatCarriers, Types<int64_t>>;

/// dispatch() on the carrier of a type.
template <class List, class Body>
decltype(auto) dispatch_carrier(List list, DType dtype, Body&& body) {
  return dispatch(list, carrier_of(dtype), std::forward<Body>(body));
}

/// Output 0 = f(input 0), of the same type.
template <class List, class F>
void eval_unary(List list, EvalContext& context, F f) {
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  dispatch_carrier(list, x.dtype(), [&]<class T> { map_elements<T, T>(context, {x}, y, f); });
}

/// The second input of a binary operator as it is seen beside the first: broadcast as numpy does, or, in versions that
/// have the attributes "broadcast" and "axis", by their rule. Fails where the shapes do not fit.
Shape second_shape(const NodeView& node, const Shape& first, const Shape& second);
/// Types and shapes of a binary operator under either rule; `dtype` is the output's.
void infer_binary_to(InferContext& context, DType dtype);
void infer_binary(InferContext& context);
/// The shape of a binary operator's output.
Shape binary_shape(EvalContext& context);
/// The two operands of a binary operator.
std::vector<Operand> binary_operands(EvalContext& context);

/// The element type of input 0; fails when another tensor input has another.
DType same_dtype(EvalContext& context);

/// Output 0 = f(input 0, input 1) with broadcasting, all of one type.
template <class List, class F>
void eval_binary(List list, EvalContext& context, F f) {
  const DType dtype = same_dtype(context);
  Tensor& out = context.output(0, dtype, binary_shape(context));
  dispatch_carrier(list, dtype, [&]<class T> { map_elements<T, T, T>(context, binary_operands(context), out, f); });
}
/// The same with a boolean result.
template <class List, class F>
void eval_predicate(List list, EvalContext& context, F f) {
  const DType dtype = same_dtype(context);
  Tensor& out = context.output(0, DType::boolean, binary_shape(context));
  dispatch_carrier(list, dtype,
                   [&]<class T> { map_elements<int64_t, T, T>(context, binary_operands(context), out, f); });
}

/// Lets the elements of small integer outputs be known as expressions: f of the two inputs' elements.
void propagate_dims(InferContext& context, FunctionRef<Dim(const Dim&, const Dim&)> f);
/// Unknown where an integer of this type cannot hold the number and wraps; otherwise the dim itself.
Dim held_by(DType dtype, const Dim& dim);
/// True where no assignment of sizes to symbols can make the expression negative.
bool never_negative(const Dim& dim);

}  // namespace kiln::ops
