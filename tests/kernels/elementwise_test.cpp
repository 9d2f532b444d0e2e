#include "kernels/elementwise/elementwise_chain.hpp"

#include <algorithm>
#include <limits>

#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

using O = ChainOpcode;
constexpr float infinity = std::numeric_limits<float>::infinity();

/// A chain opcode and the ONNX operator that it is.
struct OpCase {
  O op;
  const char* type;
  std::vector<std::pair<std::string, float>> floats = {};
  float alpha = 0, beta = 0;
  const char* approximate = nullptr;
};

const std::vector<OpCase>& unary_cases() {
  static const std::vector<OpCase> cases = {
      {O::neg, "Neg"},
      {O::abs, "Abs"},
      {O::sqrt, "Sqrt"},
      {O::reciprocal, "Reciprocal"},
      {O::exp, "Exp"},
      {O::log, "Log"},
      {O::floor, "Floor"},
      {O::ceil, "Ceil"},
      {O::round, "Round"},
      {O::sign, "Sign"},
      {O::sin, "Sin"},
      {O::cos, "Cos"},
      {O::tanh, "Tanh"},
      {O::sigmoid, "Sigmoid"},
      {O::erf, "Erf"},
      {O::relu, "Relu"},
      {O::leaky_relu, "LeakyRelu", {{"alpha", 0.1f}}, 0.1f},
      {O::hard_swish, "HardSwish"},
      {O::hard_sigmoid, "HardSigmoid", {{"alpha", 0.3f}, {"beta", 0.4f}}, 0.3f, 0.4f},
      {O::silu, "Swish", {{"alpha", 1.7f}}, 1.7f},
      {O::mish, "Mish"},
      {O::gelu_erf, "Gelu"},
      {O::gelu_tanh, "Gelu", {}, 0, 0, "tanh"},
      {O::elu, "Elu", {{"alpha", 1.5f}}, 1.5f},
      {O::selu, "Selu", {{"alpha", 1.6f}, {"gamma", 1.1f}}, 1.6f, 1.1f},
      {O::celu, "Celu", {{"alpha", 0.7f}}, 0.7f},
      {O::celu, "Celu", {{"alpha", -0.7f}}, -0.7f},
      {O::softplus, "Softplus"},
      {O::softsign, "Softsign"},
      {O::thresholded_relu, "ThresholdedRelu", {{"alpha", 0.7f}}, 0.7f},
      {O::is_nan, "IsNaN"},
  };
  return cases;
}

const std::vector<OpCase>& binary_cases() {
  static const std::vector<OpCase> cases = {
      {O::add, "Add"},
      {O::sub, "Sub"},
      {O::mul, "Mul"},
      {O::div, "Div"},
      {O::min, "Min"},
      {O::max, "Max"},
      {O::prelu, "PRelu"},
      {O::pow, "Pow"},
      {O::equal, "Equal"},
      {O::less, "Less"},
      {O::less_or_equal, "LessOrEqual"},
      {O::greater, "Greater"},
      {O::greater_or_equal, "GreaterOrEqual"},
      {O::logical_and, "And"},
      {O::logical_or, "Or"},
      {O::logical_xor, "Xor"},
  };
  return cases;
}

bool is_logical(O op) { return op == O::logical_and || op == O::logical_or || op == O::logical_xor; }

Tensor run_case(const OpCase& test, const std::vector<Tensor>& inputs) {
  Node node;
  node.op_type = test.type;
  const auto attribute = [&](const char* name, AttributeType type, Attribute::Data data) {
    Attribute a;
    a.name = name, a.type = type, a.data = std::move(data);
    node.attributes.push_back(std::move(a));
  };
  for (const auto& [name, value] : test.floats) attribute(name.c_str(), AttributeType::float_, value);
  if (test.approximate) attribute("approximate", AttributeType::string, std::string(test.approximate));
  std::vector<Value> values(inputs.begin(), inputs.end());
  std::vector<const Value*> pointers;
  for (const Value& value : values) pointers.push_back(&value);
  for (size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(static_cast<ValueId>(i));
  node.outputs.push_back(static_cast<ValueId>(inputs.size()));
  const OpsetImports opsets{{"", 24}};
  SerialHost host;
  std::vector<Value> outputs(1);
  EvalContext context(node, *find_schema("", test.type, 24), opsets, host, pointers, outputs);
  find_op("", test.type)->eval(context);
  return outputs[0].tensor();
}

ChainTensor plain(const Tensor& x) { return ChainTensor::plain(x.shape(), x.dtype() == DType::boolean); }

Tensor run_plain(const ElementwiseChain& chain, const std::vector<Tensor>& inputs, Tensor output, int64_t parts) {
  std::vector<const void*> pointers;
  for (const Tensor& input : inputs) pointers.push_back(input.raw());
  std::vector<float> scratch(static_cast<size_t>(chain.scratch_floats(parts)), NAN);
  for (int64_t part = 0; part < parts; ++part) {
    chain.run_part(0, part, parts, {pointers.data(), output.mutable_raw()}, scratch.data());
  }
  return output;
}

float at(const Tensor& x, int64_t i) {
  return x.dtype() == DType::boolean ? static_cast<float>(x.data<bool>()[i]) : x.data<float>()[i];
}

/// Whether a result is what is expected: NaN for NaN, infinities alike, else with so much error.
bool is_near(float found, float expected, double relative, double absolute) {
  if (std::isnan(expected)) return std::isnan(found);
  if (std::isinf(expected) || relative + absolute == 0) return found == expected;
  return std::fabs(static_cast<double>(found) - expected) <= absolute + relative * std::fabs(expected);
}

std::vector<float> odd_numbers() {
  const float denormal = std::numeric_limits<float>::denorm_min() * 1234;
  std::vector<float> numbers = {0,     denormal, 1e-38f, 1e-20f, 1e-4f,    0.3f,        0.5f,       0.7f,    1,
                                1.5f,  2,        2.5f,   3,      6,        10,          20,         80,      87,
                                88.5f, 89,       100,    104,    1000,     1e5f,        2e5f,       4e6f,    9e6f,
                                3e9f,  1e20f,    3e38f,  4095,   12345.5f, 0.49999997f, 8388607.5f, infinity};
  const size_t count = numbers.size();
  for (size_t i = 0; i < count; ++i) numbers.push_back(-numbers[i]);
  numbers.push_back(NAN);
  return numbers;
}

ChainProgram one_op(const OpCase& test, int operands) {
  ChainProgram program;
  program.ops.push_back({test.op, operands, 0, 1, test.alpha, test.beta, 2});
  program.inputs = operands, program.registers = operands + 1, program.result = operands;
  return program;
}

TEST(ElementwiseChain, FunctionsEqualTheReference) {
  std::vector<float> numbers = odd_numbers();
  for (double x = -20; x < 20; x += 0.00317) numbers.push_back(static_cast<float>(x));
  for (double x = -1e5; x < 1e5; x += 37.77) numbers.push_back(static_cast<float>(x));
  for (double x = 1e-30; x < 1e30; x *= 1.37) numbers.push_back(static_cast<float>(x));
  const Tensor x = Tensor::from<float>({static_cast<int64_t>(numbers.size())}, numbers);
  for (const OpCase& test : unary_cases()) {
    const Tensor expected = run_case(test, {x});
    for (const Isa isa : usable_isas()) {
      const ElementwiseChain chain(one_op(test, 1), {plain(x)}, plain(expected), isa);
      const Tensor y = run_plain(chain, {x}, Tensor(expected.dtype(), expected.shape()), 2);
      int64_t wrong = 0;
      for (int64_t i = 0; i < x.size() && wrong < 5; ++i) {
        // Sums such as 1 + erf lose the low bits of small results.
        const float given = at(x, i);
        const bool gelu = test.op == O::gelu_erf || test.op == O::gelu_tanh, far = std::fabs(given) > 8;
        const bool sums = std::ranges::count(std::vector{O::sin, O::cos, O::hard_swish, O::hard_sigmoid}, test.op) > 0;
        const double absolute = sums           ? 3e-7 * std::fmin(1.0, std::fabs(given))
                                : gelu && !far ? 2e-7 * std::fabs(given)
                                               : 1e-37;
        const bool near = is_near(at(y, i), at(expected, i), 7e-7, absolute);
        if (!near) ++wrong;
        EXPECT_TRUE(near) << isa_name(isa) << " " << test.type << " of " << given << " is " << at(y, i) << ", expected "
                          << at(expected, i);
      }
    }
  }
}

TEST(ElementwiseChain, OperatorsOnOddNumbersEqualTheReference) {
  std::vector<float> a, b;
  for (const float x : odd_numbers()) {
    for (const float y : odd_numbers()) a.push_back(x), b.push_back(y);
  }
  const auto count = static_cast<int64_t>(a.size());
  for (const OpCase& test : binary_cases()) {
    Tensor x = Tensor::from<float>({count}, a), y = Tensor::from<float>({count}, b);
    if (is_logical(test.op)) {
      x = run_case({O::less, "Less"}, {x, y}), y = run_case({O::equal, "Equal"}, {y, Tensor::from<float>({1}, {{2}})});
    }
    const Tensor expected = run_case(test, {x, y});
    for (const Isa isa : usable_isas()) {
      const ElementwiseChain chain(one_op(test, 2), {plain(x), plain(y)}, plain(expected), isa);
      const Tensor z = run_plain(chain, {x, y}, Tensor(expected.dtype(), expected.shape()), 3);
      int64_t wrong = 0;
      for (int64_t i = 0; i < count && wrong < 5; ++i) {
        const bool same = is_near(at(z, i), at(expected, i), 0, 0);
        if (!same) ++wrong;
        EXPECT_TRUE(same) << isa_name(isa) << " " << test.type << " of " << at(x, i) << " and " << at(y, i) << " is "
                          << at(z, i) << ", expected " << at(expected, i);
      }
    }
  }
}

TEST(ElementwiseChain, PowersByConstants) {
  const std::vector<float> numbers = odd_numbers();
  const Tensor x = Tensor::from<float>({static_cast<int64_t>(numbers.size())}, numbers);
  for (const float exponent : {2.0f, 0.5f, 3.0f, -1.0f, -0.5f, 1.0f, 0.0f, 1.7f, -3.0f}) {
    const Tensor expected = run_case({O::pow, "Pow"}, {x, Tensor::from<float>({}, {{exponent}})});
    ChainProgram program = one_op({O::pow, "Pow"}, 1);
    program.constants = {exponent};
    program.registers = 3, program.result = program.ops[0].to = 2;
    for (const Isa isa : usable_isas()) {
      const ElementwiseChain chain(program, {plain(x)}, plain(x), isa);
      const Tensor y = run_plain(chain, {x}, Tensor(DType::f32, x.shape()), 1);
      for (int64_t i = 0; i < x.size(); ++i) {
        EXPECT_TRUE(is_near(at(y, i), at(expected, i), 3e-7, 1e-44))
            << isa_name(isa) << " " << at(x, i) << " to the power of " << exponent << " is " << at(y, i)
            << ", expected " << at(expected, i);
      }
    }
  }
}

TEST(ElementwiseChain, ClipsAsTheReference) {
  const std::vector<float> numbers = odd_numbers();
  const Tensor x = Tensor::from<float>({static_cast<int64_t>(numbers.size())}, numbers);
  for (const auto& [low, high] : std::vector<std::pair<float, float>>{{0, 6}, {-1, infinity}, {3, -3}, {-0.0f, 0}}) {
    const Tensor expected =
        run_case({O::clip, "Clip"}, {x, Tensor::from<float>({}, {{low}}), Tensor::from<float>({}, {{high}})});
    for (const Isa isa : usable_isas()) {
      const ElementwiseChain chain(one_op({O::clip, "Clip", {}, low, high}, 1), {plain(x)}, plain(x), isa);
      const Tensor y = run_plain(chain, {x}, Tensor(DType::f32, x.shape()), 1);
      for (int64_t i = 0; i < x.size(); ++i) EXPECT_TRUE(is_near(at(y, i), at(expected, i), 0, 0)) << at(x, i);
    }
  }
  EXPECT_THROW(ElementwiseChain(one_op({O::clip, "Clip", {}, NAN, 1}, 1), {plain(x)}, plain(x), Isa::portable), Error);
}

/// A program of operators that are exact, so that chains of them are too, and what it should give.
struct RandomChain {
  ChainProgram program;
  std::vector<Tensor> values;  ///< by register; only the last ones of those written twice
  Tensor expected;

  RandomChain(Philox& rng, const std::vector<Tensor>& inputs, const Shape& output, bool boolean_output) {
    program.inputs = static_cast<int>(inputs.size());
    values = inputs;
    for (int64_t i = pick(rng, 0, 2); i > 0; --i) {
      program.constants.push_back(static_cast<float>(rng.normal()));
      values.push_back(Tensor::from<float>({}, {{program.constants.back()}}));
    }
    for (int64_t i = pick(rng, 0, 9); i > 0; --i) add_random_op(rng);
    const auto wanted = boolean_output ? DType::boolean : DType::f32;
    while (values.back().dtype() != wanted) add_random_op(rng);
    program.result = static_cast<int>(values.size()) - 1;
    program.registers = program.result + 1;
    const Shape shape = output.empty() ? Shape{1} : output;
    const Tensor target = Tensor::from<int64_t>({static_cast<int64_t>(shape.size())}, shape);
    expected = run_case({O::copy, "Expand"}, {values.back(), target}).reshaped(output);
  }

  void add_random_op(Philox& rng) {
    static const std::vector<OpCase> unary = {
        {O::neg, "Neg"},
        {O::abs, "Abs"},
        {O::floor, "Floor"},
        {O::round, "Round"},
        {O::sign, "Sign"},
        {O::relu, "Relu"},
        {O::softsign, "Softsign"},
        {O::leaky_relu, "LeakyRelu", {{"alpha", 0.1f}}, 0.1f},
        {O::thresholded_relu, "ThresholdedRelu", {{"alpha", 0.7f}}, 0.7f},
    };
    const auto any = [&](DType dtype) {
      for (int attempt = 0; attempt < 100; ++attempt) {
        const int64_t i = pick(rng, 0, static_cast<int64_t>(values.size()) - 1);
        if (values[static_cast<size_t>(i)].dtype() == dtype) return static_cast<int>(i);
      }
      return -1;
    };
    OpCase test = unary[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(unary.size()) - 1))];
    const int64_t kind = pick(rng, 0, 9);
    if (kind >= 3) {
      test = binary_cases()[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(binary_cases().size()) - 1))];
      if (test.op == O::pow || test.op == O::prelu) test = binary_cases()[0];
    }
    if (kind == 9) test = {O::where, "Where"};
    const DType first = is_logical(test.op) || kind == 9 ? DType::boolean : DType::f32;
    ChainOp op{test.op};
    op.alpha = test.alpha, op.beta = test.beta;
    op.a = any(first), op.b = any(kind == 9 ? DType::f32 : first), op.c = any(DType::f32);
    if (op.a < 0 || op.b < 0 || op.c < 0) return;
    std::vector<Tensor> operands;
    for (const int i : std::vector{op.a, op.b, op.c}) {
      if (operands.size() < static_cast<size_t>(chain_operands(op.op)))
        operands.push_back(values[static_cast<size_t>(i)]);
    }
    op.to = static_cast<int>(values.size());
    values.push_back(run_case(test, operands));
    program.ops.push_back(op);
  }
};

void expect_same(const Tensor& found, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(found.shape(), expected.shape());
  int64_t wrong = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    if (!is_near(at(found, i), at(expected, i), 0, 0)) ++wrong;
  }
  EXPECT_EQ(wrong, 0) << "of " << expected.size() << " elements: " << what;
}

std::string describe(const std::vector<Tensor>& inputs, const ChainProgram& program, Isa isa) {
  std::string text(isa_name(isa));
  for (const Tensor& input : inputs) text += " " + to_string(input.shape());
  for (const ChainOp& op : program.ops) {
    text += fmt::format(" {}={}({},{},{})", op.to, chain_opcode_name(op.op), op.a, op.b, op.c);
  }
  return text;
}

Tensor random_bools(Philox& rng, const Shape& shape) {
  Tensor tensor(DType::boolean, shape);
  for (bool& x : tensor.mutable_elements<bool>()) x = pick(rng, 0, 1) != 0;
  return tensor;
}

TEST(ElementwiseChain, PlainChainsEqualTheReference) {
  Philox rng(51);
  for (int i = 0; i < 600; ++i) {
    Shape output(static_cast<size_t>(pick(rng, 0, 5)));
    for (int64_t& dim : output) dim = pick(rng, 1, 6);
    if (!output.empty()) {
      int64_t& dim = output[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(output.size()) - 1))];
      if (i % 3 == 0) dim = pick(rng, 100, output.size() < 3 ? 7000 : 700);
      if (i % 50 == 1) dim = 0;
    }
    std::vector<Tensor> inputs;
    bool in_place = pick(rng, 0, 3) == 0;
    for (int64_t k = pick(rng, 1, 4); k > 0; --k) {
      Shape shape(output.begin() + static_cast<ptrdiff_t>(pick(rng, 0, static_cast<int64_t>(output.size()) / 2)),
                  output.end());
      for (int64_t& dim : shape) dim = pick(rng, 0, 2) == 0 && dim != 0 ? 1 : dim;
      if (pick(rng, 0, 2) == 0 || (inputs.empty() && in_place)) shape = output;
      const bool boolean = !inputs.empty() && pick(rng, 0, 4) == 0;
      inputs.push_back(boolean ? random_bools(rng, shape) : random_tensor(rng, shape));
    }
    const bool boolean_output = !in_place && pick(rng, 0, 3) == 0;
    const RandomChain test(rng, inputs, output, boolean_output);
    const int64_t tile = pick(rng, 0, 1) == 0 ? 0 : 16 * pick(rng, 1, 10), parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      std::vector<ChainTensor> formats;
      for (const Tensor& input : inputs) formats.push_back(plain(input));
      const ElementwiseChain chain(test.program, formats, plain(test.expected), isa, tile);
      std::vector<Tensor> given = inputs;
      Tensor y(test.expected.dtype(), output);
      if (in_place) {
        y = Tensor::from<float>(output, inputs[0].elements<float>());
        given[0] = Tensor::borrow(DType::f32, output, y.mutable_raw(), static_cast<size_t>(y.size()) * sizeof(float));
      }
      expect_same(run_plain(chain, given, y, parts), test.expected, describe(inputs, test.program, isa));
    }
  }
}

/// An operand of a blocked chain: as ONNX has it, and how it is given.
struct BlockedOperand {
  Tensor tensor;
  ChainTensor format;
  std::vector<float> data;
};

BlockedOperand random_operand(Philox& rng, const BlockedLayout& out, bool like_output) {
  BlockedOperand operand;
  const int64_t n = pick(rng, 0, 2) == 0 ? 1 : out.n;
  const int64_t kind = like_output ? 0 : pick(rng, 0, 7);
  if (kind <= 3) {
    BlockedLayout l = out;
    if (kind > 0) {
      l.n = n;
      l.halo = random_halo(rng, 0, 2);
      l.image_blocks = pick(rng, 0, 1) == 0 ? 0 : l.blocks() + pick(rng, 0, 2);
      if (kind == 3) l.h = l.w = 1;
    }
    operand.tensor = random_tensor(rng, {l.n, l.c, l.h, l.w});
    operand.format = ChainTensor::in_blocks(l);
    operand.data = to_blocked(operand.tensor, l);
    return operand;
  }
  const Shape shapes[] = {{}, {1, out.c, 1, 1}, {n, out.c, 1, 1}, {out.c, 1, 1}};
  operand.tensor = random_tensor(rng, shapes[kind - 4]);
  operand.format = ChainTensor::plain(operand.tensor.shape());
  operand.data.assign(operand.tensor.data<float>(), operand.tensor.data<float>() + operand.tensor.size());
  return operand;
}

TEST(ElementwiseChain, BlockedChainsEqualTheReference) {
  Philox rng(52);
  for (int i = 0; i < 400; ++i) {
    const int64_t n = pick(rng, 1, 3), c = pick(rng, 1, 40), h = pick(rng, 1, 9), w = pick(rng, 1, i % 9 == 0 ? 90 : 9);
    const Halo halo = random_halo(rng, 0, 2);
    const int64_t view = pick(rng, 0, 3), operands = pick(rng, 1, 4), parts = pick(rng, 1, 3);
    const int64_t tile = pick(rng, 0, 1) == 0 ? 0 : 16 * pick(rng, 1, 20);
    const bool in_place = pick(rng, 0, 2) == 0;
    const uint64_t seed = rng.below(1u << 30);
    for (const Isa isa : usable_isas()) {
      Philox same_rng(seed);
      BlockedLayout out{n, c, h, w, block_of(isa), halo, 0};
      if (view > 0) out.image_blocks = out.blocks() + view - 1;
      std::vector<BlockedOperand> inputs;
      for (int64_t k = 0; k < operands; ++k) inputs.push_back(random_operand(same_rng, out, in_place && k == 0));
      std::vector<Tensor> tensors;
      std::vector<ChainTensor> formats;
      std::vector<const void*> pointers;
      for (const BlockedOperand& input : inputs) {
        tensors.push_back(input.tensor), formats.push_back(input.format), pointers.push_back(input.data.data());
      }
      const RandomChain test(same_rng, tensors, {n, c, h, w}, false);
      const ElementwiseChain chain(test.program, formats, ChainTensor::in_blocks(out), isa, tile);
      std::vector<float> y = in_place ? inputs[0].data : rubbish(out.floats());
      if (in_place) pointers[0] = y.data();
      std::vector<float> scratch(static_cast<size_t>(chain.scratch_floats(parts)), NAN);
      for (int64_t part = 0; part < parts; ++part) {
        chain.run_part(0, part, parts, {pointers.data(), y.data()}, scratch.data());
      }
      expect_same(from_blocked(y, out), test.expected, describe(tensors, test.program, isa));
    }
  }
}

TEST(ElementwiseChain, PaddingIsZeroWhereZeroIsMoved) {
  for (const Isa isa : usable_isas()) {
    const BlockedLayout out{2, 5, 3, 4, block_of(isa), 1, 0};
    Philox rng(53);
    const Tensor x = random_tensor(rng, {2, 5, 3, 4});
    const std::vector<float> in = to_blocked(x, out);
    std::vector<float> y = rubbish(out.floats());
    const ElementwiseChain chain(one_op({O::reciprocal, "Reciprocal"}, 1), {ChainTensor::in_blocks(out)},
                                 ChainTensor::in_blocks(out), isa);
    const void* pointers[] = {in.data()};
    std::vector<float> scratch(static_cast<size_t>(chain.scratch_floats(1)));
    chain.run_part(0, 0, 1, {pointers, y.data()}, scratch.data());
    expect_same(from_blocked(y, out), run_case({O::reciprocal, "Reciprocal"}, {x}), "1 / x");
  }
}

TEST(ElementwiseChain, DeclinesWhatItCannotDo) {
  const OpCase add{O::add, "Add"};
  const auto code_of = [&](const ChainTensor& a, const ChainTensor& b, const ChainTensor& out) {
    try {
      const ElementwiseChain chain(one_op(add, 2), {a, b}, out, Isa::portable);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  const BlockedLayout blocked{1, 8, 4, 4, 8, 0, 0}, wide{1, 16, 4, 4, 16, 0, 0};
  EXPECT_EQ(code_of(ChainTensor::plain({3}), ChainTensor::plain({2}), ChainTensor::plain({3})),
            ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(ChainTensor::in_blocks(blocked), ChainTensor::plain({1}), ChainTensor::plain({1, 8, 4, 4})),
            ErrorCode::unsupported);
  EXPECT_EQ(code_of(ChainTensor::in_blocks(blocked), ChainTensor::plain({4}), ChainTensor::in_blocks(blocked)),
            ErrorCode::unsupported);
  EXPECT_EQ(code_of(ChainTensor::in_blocks(wide), ChainTensor::plain({1}), ChainTensor::in_blocks(wide)),
            ErrorCode::unsupported);
  ChainProgram program = one_op(add, 2);
  program.ops[0].b = 2;
  EXPECT_THROW(check_chain(program), Error);
  program.ops[0].b = 0, program.ops[0].to = 1;
  EXPECT_THROW(check_chain(program), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
