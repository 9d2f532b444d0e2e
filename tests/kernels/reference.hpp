#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/thread_pool.hpp"
#include "graph/graph.hpp"
#include "kernels/conv/conv_problem.hpp"
#include "kernels/layout.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

/// What tests of kernels share: random data, blocked tensors, and the reference code of an operator.
namespace kiln::kernel_test {

/// The instruction sets that this machine can run.
inline std::vector<Isa> usable_isas() {
  std::vector<Isa> isas{Isa::portable};
  if (best_isa_of(cpu_features()) >= Isa::avx2) isas.push_back(Isa::avx2);
  if (best_isa_of(cpu_features()) >= Isa::avx512) isas.push_back(Isa::avx512);
  return isas;
}

inline int64_t pick(Philox& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
}

inline Tensor random_tensor(Philox& rng, Shape shape, double scale = 1) {
  Tensor tensor(DType::f32, std::move(shape));
  for (float& x : tensor.mutable_elements<float>()) x = static_cast<float>(rng.normal() * scale);
  return tensor;
}

class SerialHost final : public EvalHost {
 public:
  Tensor allocate(DType dtype, Shape shape) override { return Tensor(dtype, std::move(shape)); }
  void parallel_for(int64_t count, int64_t, FunctionRef<void(int64_t, int64_t)> body) override {
    if (count > 0) body(0, count);
  }
  std::vector<Value> run_graph(const Graph&, std::span<const Value>) override { return {}; }
  void check_cancelled() override {}
  uint64_t next_seed() override { return 1; }
};

using Attributes = std::vector<
    std::pair<std::string, std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<std::string>>>>;

inline Attribute make_attribute(const Attributes::value_type& from) {
  constexpr AttributeType types[] = {AttributeType::int_, AttributeType::float_, AttributeType::string,
                                     AttributeType::ints, AttributeType::strings};
  Attribute attribute;
  attribute.name = from.first;
  attribute.type = types[from.second.index()];
  std::visit([&](const auto& value) { attribute.data = value; }, from.second);
  return attribute;
}

/// A node whose inputs are the values 0, 1, 2 ...; a tensor that is not defined stands for an input that is left out.
inline Node make_node(const std::string& op_type, const std::vector<Tensor>& inputs, const Attributes& attributes,
                      size_t output_count) {
  Node node;
  node.op_type = op_type;
  for (const auto& attribute : attributes) node.attributes.push_back(make_attribute(attribute));
  for (size_t i = 0; i < inputs.size(); ++i) {
    node.inputs.push_back(inputs[i].defined() ? static_cast<ValueId>(i) : no_value);
  }
  for (size_t i = 0; i < output_count; ++i) node.outputs.push_back(static_cast<ValueId>(inputs.size() + i));
  return node;
}

/// The reference results of a node that make_node() made.
inline std::vector<Tensor> run_node(const Node& node, int opset, const std::vector<Tensor>& inputs) {
  std::vector<Value> values(inputs.begin(), inputs.end());
  std::vector<const Value*> pointers;
  for (size_t i = 0; i < inputs.size(); ++i) pointers.push_back(inputs[i].defined() ? &values[i] : nullptr);
  const OpsetImports opsets{{"", opset}};
  SerialHost host;
  std::vector<Value> outputs(node.outputs.size());
  EvalContext context(node, *find_schema("", node.op_type, opset), opsets, host, pointers, outputs);
  find_op("", node.op_type)->eval(context);
  std::vector<Tensor> tensors;
  for (const Value& output : outputs) tensors.push_back(output.is_tensor() ? output.tensor() : Tensor());
  return tensors;
}

inline std::vector<Tensor> run_node(const std::string& op_type, int opset, const std::vector<Tensor>& inputs,
                                    const Attributes& attributes, size_t output_count = 1) {
  return run_node(make_node(op_type, inputs, attributes, output_count), opset, inputs);
}

/// The reference result of an operator of opset 22.
inline Tensor run_op(const std::string& op_type, const std::vector<Tensor>& inputs,
                     const std::vector<std::pair<std::string, std::vector<int64_t>>>& ints,
                     const std::vector<std::pair<std::string, int64_t>>& single_ints = {}) {
  Attributes attributes(ints.begin(), ints.end());
  attributes.insert(attributes.end(), single_ints.begin(), single_ints.end());
  return run_node(op_type, 22, inputs, attributes)[0];
}

/// The activation in f64, as ONNX defines it.
inline double activate_exactly(const Epilogue& e, double x) {
  const auto unit = [](double y) { return std::fmin(1.0, std::fmax(0.0, y)); };
  switch (e.activation) {
    case Activation::none: return x;
    case Activation::relu: return std::fmax(0.0, x);
    case Activation::leaky_relu: return x < 0 ? e.alpha * x : x;
    case Activation::clip: return std::fmin(e.beta, std::fmax(e.alpha, x));
    case Activation::hard_swish: return x * unit(x / 6 + 0.5);
    case Activation::scaled_hard_swish: return e.alpha * x * unit(x / 6 + 0.5) + e.beta;
    case Activation::hard_sigmoid: return unit(e.alpha * x + e.beta);
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::mish: return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::gelu_erf: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
  }
  return x;
}

inline Epilogue random_epilogue(Philox& rng) {
  Epilogue e;
  e.activation = static_cast<Activation>(pick(rng, 0, activation_count - 1));
  e.alpha = e.activation == Activation::clip ? static_cast<float>(rng.uniform(-1, 0.5)) : 0.2f;
  e.beta = e.activation == Activation::clip ? 1.0f : 0.5f;
  e.residual = static_cast<Residual>(pick(rng, 0, 2));
  return e;
}

/// The epilogue on a tensor that already has its bias.
inline void apply_epilogue(const Epilogue& e, Tensor& y, const Tensor& residual) {
  float* out = y.mutable_data<float>();
  const float* added = residual.defined() ? residual.data<float>() : nullptr;
  for (int64_t i = 0; i < y.size(); ++i) {
    double value = out[i];
    if (e.residual == Residual::before_activation) value += added[i];
    value = activate_exactly(e, value);
    if (e.residual == Residual::after_activation) value += added[i];
    out[i] = static_cast<float>(value);
  }
}

/// Floats with rubbish in them, so that what a kernel forgets to write shows.
inline std::vector<float> rubbish(int64_t count) { return std::vector<float>(static_cast<size_t>(count), 1e9f); }

inline std::vector<float> to_blocked(const Tensor& x, const BlockedLayout& l) {
  std::vector<float> blocked(static_cast<size_t>(l.floats()), 0.0f);
  const float* from = x.data<float>();
  for (int64_t n = 0; n < l.n; ++n) {
    for (int64_t c = 0; c < l.c; ++c) {
      for (int64_t y = 0; y < l.h; ++y) {
        for (int64_t w = 0; w < l.w; ++w) {
          blocked[static_cast<size_t>(l.offset(n, c / l.block, y, w) + c % l.block)] = *from++;
        }
      }
    }
  }
  return blocked;
}

/// On each side between `least` and `most`.
inline Halo random_halo(Philox& rng, int64_t least, int64_t most) {
  const int64_t rows = pick(rng, least, most);
  return {rows, pick(rng, least, most)};
}

/// Back to NCHW; fails the test where halo or channel padding is not zero.
inline Tensor from_blocked(const std::vector<float>& blocked, const BlockedLayout& l) {
  Tensor x(DType::f32, {l.n, l.c, l.h, l.w});
  float* to = x.mutable_data<float>();
  int64_t dirty = 0;
  for (int64_t n = 0; n < l.n; ++n) {
    for (int64_t c = 0; c < l.blocks() * l.block; ++c) {
      for (int64_t y = -l.halo.h; y < l.h + l.halo.h; ++y) {
        for (int64_t w = -l.halo.w; w < l.w + l.halo.w; ++w) {
          const float value = blocked[static_cast<size_t>(l.offset(n, c / l.block, y, w) + c % l.block)];
          const bool inside = c < l.c && y >= 0 && y < l.h && w >= 0 && w < l.w;
          if (inside) {
            *to++ = value;
          } else if (value != 0) {
            ++dirty;
          }
        }
      }
    }
  }
  EXPECT_EQ(dirty, 0) << "floats of halo or channel padding are not zero";
  return x;
}

/// The largest difference, over the root mean square of what is expected (at least `floor`).
inline double worst_error(const Tensor& actual, const Tensor& expected, double floor = 0.1) {
  const float *a = actual.data<float>(), *e = expected.data<float>();
  double squares = 0, worst = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    squares += static_cast<double>(e[i]) * e[i];
    const double difference = std::fabs(static_cast<double>(a[i]) - e[i]);
    worst = std::isnan(difference) ? INFINITY : std::fmax(worst, difference);
  }
  return worst / std::fmax(floor, std::sqrt(squares / std::fmax(1.0, static_cast<double>(expected.size()))));
}

/// Runs all phases of a kernel in so many parts, each with its threads' worth of scratch.
template <class Kernel>
void run_kernel(const Kernel& kernel, int64_t parts, const ConvPointers& pointers) {
  std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)), NAN);
  for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
    for (int64_t part = 0; part < parts; ++part) kernel.run_part(phase, part, parts, pointers, scratch.data());
  }
}

inline std::string describe(const ConvProblem& p, Isa isa) {
  return fmt::format("{} n{} c{}->{} g{} {}x{} k{}x{} s{}x{} d{}x{} pads {},{},{},{} act {} residual {}", isa_name(isa),
                     p.batch, p.channels_in, p.channels_out, p.group, p.height, p.width, p.kernel_h, p.kernel_w,
                     p.stride_h, p.stride_w, p.dilation_h, p.dilation_w, p.pad_top, p.pad_left, p.pad_bottom,
                     p.pad_right, static_cast<int>(p.epilogue.activation), static_cast<int>(p.epilogue.residual));
}

/// A convolution with random data and its reference result.
struct ConvCase {
  ConvProblem problem;
  Tensor x, w, b, residual, expected;

  ConvCase(Philox& rng, const ConvProblem& p, bool transposed = false) : problem(p) {
    const int64_t depth = p.channels_in / p.group * p.kernel_h * p.kernel_w;
    x = random_tensor(rng, {p.batch, p.channels_in, p.height, p.width});
    w = transposed ? random_tensor(rng, {p.channels_in, p.channels_out / p.group, p.kernel_h, p.kernel_w})
                   : random_tensor(rng, {p.channels_out, p.channels_in / p.group, p.kernel_h, p.kernel_w});
    for (float& value : w.mutable_elements<float>()) value /= static_cast<float>(std::sqrt(depth));
    b = random_tensor(rng, {p.channels_out});
    std::vector<std::pair<std::string, std::vector<int64_t>>> ints{
        {"pads", {p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}},
        {"strides", {p.stride_h, p.stride_w}},
        {"dilations", {p.dilation_h, p.dilation_w}}};
    if (transposed) ints.push_back({"output_padding", {p.output_pad_h, p.output_pad_w}});
    expected = run_op(transposed ? "ConvTranspose" : "Conv", {x, w, b}, ints, {{"group", p.group}});
    if (p.epilogue.residual != Residual::none) residual = random_tensor(rng, expected.shape());
    apply_epilogue(p.epilogue, expected, residual);
  }

  BlockedLayout in_layout(Isa isa, Halo halo) const {
    return {problem.batch, problem.channels_in, problem.height, problem.width, block_of(isa), halo};
  }
  BlockedLayout out_layout(Isa isa, Halo halo) const {
    return {problem.batch, problem.channels_out, expected.dim(2), expected.dim(3), block_of(isa), halo};
  }
  /// The worst error of a kernel from blocked to blocked.
  template <class Kernel>
  double error(const Kernel& kernel, const BlockedLayout& in, const BlockedLayout& out, int64_t parts,
               bool plain_input = false) const {
    std::vector<float> packed = rubbish(kernel.packed_floats());
    kernel.pack(w.data<float>(), b.data<float>(), packed.data());
    const std::vector<float> input = plain_input ? std::vector<float>() : to_blocked(x, in);
    const std::vector<float> added = residual.defined() ? to_blocked(residual, out) : std::vector<float>();
    std::vector<float> output = rubbish(out.floats());
    run_kernel(kernel, parts,
               {plain_input ? x.data<float>() : input.data(), packed.data(), output.data(),
                residual.defined() ? added.data() : nullptr});
    return worst_error(from_blocked(output, out), expected);
  }
};

}  // namespace kiln::kernel_test
