#include "ops/support/elementwise.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr int64_t grain = 32768;
constexpr int64_t chunk = 256;
constexpr size_t most_dims = 256;

/// How elements reach a loop: directly, or through a buffer of carriers.
struct Port {
  std::byte* data;
  int64_t size;
  WidenLoop widen = nullptr;
};

void run_walk(EvalContext& context, const std::vector<Operand>& inputs, Tensor& output, ElementLoop loop,
              const std::vector<Port>& ports, NarrowLoop narrow, const CastRules& rules) {
  if (output.size() == 0) return;
  std::vector<Shape> shapes;
  for (const Operand& input : inputs) shapes.push_back(input.shape);
  const BroadcastPlan plan(output.shape(), shapes);
  auto* const out = static_cast<std::byte*>(output.mutable_raw());
  const auto out_size = static_cast<int64_t>(dtype_size(output.dtype()));
  const bool buffered = narrow || std::any_of(ports.begin(), ports.end(), [](const Port& port) { return port.widen; });
  context.parallel_for(plan.size(), grain, [&](int64_t begin, int64_t end) {
    std::vector<uint64_t> buffers(buffered ? (inputs.size() + 1) * chunk : 0);
    std::vector<const void*> from(inputs.size());
    std::vector<int64_t> strides(inputs.size());
    plan.for_rows(begin, end, [&](int64_t at, const int64_t* offsets, int64_t length, const int64_t* steps) {
      for (int64_t done = 0; done < length;) {
        const int64_t count = buffered ? std::min(chunk, length - done) : length;
        for (size_t k = 0; k < inputs.size(); ++k) {
          const std::byte* data = ports[k].data + (offsets[k] + done * steps[k]) * ports[k].size;
          from[k] = data;
          strides[k] = steps[k];
          if (ports[k].widen) {
            uint64_t* buffer = buffers.data() + (k + 1) * chunk;
            ports[k].widen(data, steps[k], buffer, steps[k] == 0 ? 1 : count);
            from[k] = buffer;
            strides[k] = steps[k] == 0 ? 0 : 1;
          }
        }
        std::byte* to = out + (at + done) * out_size;
        loop(from.data(), strides.data(), narrow ? static_cast<void*>(buffers.data()) : to, count);
        if (narrow) narrow(buffers.data(), to, count, rules);
        done += count;
      }
    });
  });
}

std::vector<Port> ports_of(const std::vector<Operand>& inputs) {
  std::vector<Port> ports;
  for (const Operand& input : inputs) {
    void* data = const_cast<void*>(input.tensor->raw());
    ports.push_back({static_cast<std::byte*>(data), static_cast<int64_t>(dtype_size(input.tensor->dtype()))});
  }
  return ports;
}

bool has_old_broadcast(const NodeView& node) { return node.schema().find_attribute("broadcast") != nullptr; }

/// Where the dims of the second input start among those of the first, in versions with "broadcast" and "axis".
int64_t old_axis(const NodeView& node, int64_t first_rank, int64_t second_rank) {
  int64_t axis = first_rank - second_rank;
  if (node.has_attribute("axis")) {
    axis = node.attr_int("axis");
    if (axis < 0) axis += first_rank;
  }
  if (axis < 0 || axis + second_rank > first_rank) {
    fail(ErrorCode::invalid_argument, "a second input of rank {} does not fit at axis {} of a first input of rank {}",
         second_rank, axis, first_rank);
  }
  return axis;
}

void infer_old_binary(InferContext& context, DType dtype) {
  const SymShape* a = context.shape(0);
  const SymShape* b = context.shape(1);
  if (!a) return context.set_output(0, dtype);
  context.set_output(0, dtype, *a);
  if (!b) return;
  const bool broadcasts = context.attr_int("broadcast") != 0;
  const bool single = std::all_of(b->begin(), b->end(), [](const Dim& dim) { return dim == Dim(1); });
  if (broadcasts && single) return;
  if (!broadcasts && a->size() != b->size()) {
    fail(ErrorCode::invalid_argument, "shapes {} and {} differ, and the attribute 'broadcast' is not set",
         to_string(*a), to_string(*b));
  }
  const int64_t axis =
      broadcasts ? old_axis(context, static_cast<int64_t>(a->size()), static_cast<int64_t>(b->size())) : 0;
  for (size_t i = 0; i < b->size(); ++i) {
    if (broadcasts && (*b)[i] == Dim(1)) continue;
    merge_dims((*a)[static_cast<size_t>(axis) + i], (*b)[i], "dims of the two inputs");
  }
}

}  // namespace

void walk(EvalContext& context, const std::vector<Operand>& inputs, Tensor& output, ElementLoop loop,
          const CastRules& rules) {
  std::vector<Port> ports = ports_of(inputs);
  for (size_t k = 0; k < inputs.size(); ++k) {
    const DType dtype = inputs[k].tensor->dtype();
    if (!is_carrier(dtype)) ports[k].widen = widen_loop(dtype);
  }
  const DType dtype = output.dtype();
  const NarrowLoop narrow = is_carrier(dtype) ? nullptr : narrow_loop(carrier_of(dtype), dtype);
  run_walk(context, inputs, output, loop, ports, narrow, rules);
}

void walk_stored(EvalContext& context, const std::vector<Operand>& inputs, Tensor& output, ElementLoop loop) {
  run_walk(context, inputs, output, loop, ports_of(inputs), nullptr, {});
}

Shape second_shape(const NodeView& node, const Shape& first, const Shape& second) {
  if (!has_old_broadcast(node)) return second;
  if (node.attr_int("broadcast") == 0) {
    if (first != second) {
      fail(ErrorCode::invalid_argument, "shapes {} and {} differ, and the attribute 'broadcast' is not set",
           to_string(first), to_string(second));
    }
    return second;
  }
  if (element_count(second) == 1) return {};
  const auto rank = static_cast<int64_t>(first.size());
  const int64_t axis = old_axis(node, rank, static_cast<int64_t>(second.size()));
  // The standard says that dims of 1 do not broadcast here, but its own cases from PyTorch's exporter need them to.
  for (size_t i = 0; i < second.size(); ++i) {
    if (second[i] != 1 && first[static_cast<size_t>(axis) + i] != second[i]) {
      fail(ErrorCode::invalid_argument, "shape {} is not a part of shape {} at axis {}", to_string(second),
           to_string(first), axis);
    }
  }
  Shape seen = second;
  seen.resize(static_cast<size_t>(rank - axis), 1);
  return seen;
}

void infer_binary_to(InferContext& context, DType dtype) {
  if (has_old_broadcast(context)) {
    infer_old_binary(context, dtype);
  } else {
    infer_broadcast_to(context, dtype);
  }
}

void infer_binary(InferContext& context) { infer_binary_to(context, context.dtype(0)); }

Shape binary_shape(EvalContext& context) {
  const Shape& a = context.input(0).shape();
  return broadcast_shapes(a, second_shape(context, a, context.input(1).shape()));
}

std::vector<Operand> binary_operands(EvalContext& context) {
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(1);
  return {a, {b, second_shape(context, a.shape(), b.shape())}};
}

DType same_dtype(EvalContext& context) {
  const DType dtype = context.input(0).dtype();
  for (size_t i = 1; i < context.input_count(); ++i) {
    const DType other = context.input(i).dtype();
    if (other != dtype) {
      fail(ErrorCode::invalid_argument, "input {} is of type {}, and must be of the first input's type {}", i,
           dtype_name(other), dtype_name(dtype));
    }
  }
  return dtype;
}

void propagate_dims(InferContext& context, FunctionRef<Dim(const Dim&, const Dim&)> f) {
  const SymShape* a_shape = context.shape(0);
  const SymShape* b_shape = context.shape(1);
  if (!a_shape || !b_shape || a_shape->size() > 1 || b_shape->size() > 1) return;
  const auto a = context.dims(0), b = context.dims(1);
  if (!a || !b || a->size() > most_dims || b->size() > most_dims) return;
  if (a->size() != b->size() && a->size() != 1 && b->size() != 1) return;
  const size_t count = a->size() == 1 ? b->size() : a->size();
  std::vector<Dim> result;
  for (size_t i = 0; i < count; ++i) {
    result.push_back(held_by(context.dtype(0), f((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i])));
  }
  context.set_dims(0, std::move(result));
}

Dim held_by(DType dtype, const Dim& dim) {
  if (dtype != DType::i32 || !dim.is_known()) return dim;
  return dim.value() == static_cast<int32_t>(dim.value()) ? dim : Dim();
}

bool never_negative(const Dim& dim) {
  if (dim.is_unknown()) return false;
  if (dim.is_known()) return dim.value() >= 0;
  // Sizes are not negative; neither is what sums, products, quotients, maxima and minima make of them.
  return dim.str().find('-') == std::string::npos;
}

}  // namespace kiln::ops
