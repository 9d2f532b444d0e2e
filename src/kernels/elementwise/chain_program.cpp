#include "kernels/elementwise/chain_program.hpp"

#include <array>
#include <cmath>
#include <optional>

#include "base/error.hpp"

namespace kiln {
namespace {

constexpr std::array<std::string_view, chain_opcode_count> names = {"add",
                                                                    "sub",
                                                                    "mul",
                                                                    "div",
                                                                    "min",
                                                                    "max",
                                                                    "pow",
                                                                    "prelu",
                                                                    "equal",
                                                                    "less",
                                                                    "less_or_equal",
                                                                    "greater",
                                                                    "greater_or_equal",
                                                                    "and",
                                                                    "or",
                                                                    "xor",
                                                                    "where",
                                                                    "copy",
                                                                    "neg",
                                                                    "abs",
                                                                    "sqrt",
                                                                    "reciprocal",
                                                                    "square",
                                                                    "cube",
                                                                    "pow_half",
                                                                    "pow_minus_half",
                                                                    "exp",
                                                                    "log",
                                                                    "floor",
                                                                    "ceil",
                                                                    "round",
                                                                    "sign",
                                                                    "sin",
                                                                    "cos",
                                                                    "tanh",
                                                                    "sigmoid",
                                                                    "erf",
                                                                    "relu",
                                                                    "leaky_relu",
                                                                    "clip",
                                                                    "hard_swish",
                                                                    "hard_sigmoid",
                                                                    "silu",
                                                                    "mish",
                                                                    "gelu_erf",
                                                                    "gelu_tanh",
                                                                    "elu",
                                                                    "selu",
                                                                    "celu",
                                                                    "softplus",
                                                                    "softsign",
                                                                    "thresholded_relu",
                                                                    "not",
                                                                    "is_nan",
                                                                    "is_inf"};

/// The op with one operand that a power with this exponent is.
std::optional<ChainOpcode> power_by(float exponent) {
  if (exponent == 1) return ChainOpcode::copy;
  if (exponent == 2) return ChainOpcode::square;
  if (exponent == 3) return ChainOpcode::cube;
  if (exponent == 0.5f) return ChainOpcode::pow_half;
  if (exponent == -0.5f) return ChainOpcode::pow_minus_half;
  if (exponent == -1) return ChainOpcode::reciprocal;
  return {};
}

}  // namespace

std::string_view chain_opcode_name(ChainOpcode op) { return names[static_cast<size_t>(op)]; }

void check_chain(const ChainProgram& p) {
  const int first_result = p.inputs + static_cast<int>(p.constants.size());
  if (p.inputs < 0 || p.registers < first_result) {
    fail(ErrorCode::invalid_argument, "a chain of {} operands and {} constants has {} registers", p.inputs,
         p.constants.size(), p.registers);
  }
  std::vector<bool> written(static_cast<size_t>(p.registers), false);
  for (int i = 0; i < first_result; ++i) written[static_cast<size_t>(i)] = true;
  const auto check_read = [&](int index) {
    if (index < 0 || index >= p.registers || !written[static_cast<size_t>(index)]) {
      fail(ErrorCode::invalid_argument, "a chain reads its register {}, which has no value", index);
    }
  };
  for (const ChainOp& op : p.ops) {
    if (static_cast<int>(op.op) >= chain_opcode_count) {
      fail(ErrorCode::invalid_argument, "a chain has an operator {}", static_cast<int>(op.op));
    }
    const int operands = chain_operands(op.op);
    check_read(op.a);
    if (operands > 1) check_read(op.b);
    if (operands > 2) check_read(op.c);
    if (op.to < first_result || op.to >= p.registers) {
      fail(ErrorCode::invalid_argument, "a chain writes its register {}, found results in {} to {}", op.to,
           first_result, p.registers - 1);
    }
    written[static_cast<size_t>(op.to)] = true;
    if (op.op == ChainOpcode::clip && (std::isnan(op.alpha) || std::isnan(op.beta))) {
      fail(ErrorCode::unsupported, "a chain clips to [{}, {}]", op.alpha, op.beta);
    }
  }
  check_read(p.result);
}

ChainProgram simplify_chain(const ChainProgram& program) {
  const int first_result = program.inputs + static_cast<int>(program.constants.size());
  std::vector<ChainOp> ops = program.ops;
  std::vector<int> value(static_cast<size_t>(program.registers));
  for (int i = 0; i < first_result; ++i) value[static_cast<size_t>(i)] = i;
  const auto value_of = [&](int index) { return value[static_cast<size_t>(index)]; };
  for (size_t i = 0; i < ops.size(); ++i) {
    ChainOp& op = ops[i];
    const int operands = chain_operands(op.op);
    op.a = value_of(op.a);
    op.b = operands > 1 ? value_of(op.b) : 0;
    op.c = operands > 2 ? value_of(op.c) : 0;
    if (op.op == ChainOpcode::greater || op.op == ChainOpcode::greater_or_equal) {
      op.op = op.op == ChainOpcode::greater ? ChainOpcode::less : ChainOpcode::less_or_equal;
      std::swap(op.a, op.b);
    }
    if (op.op == ChainOpcode::pow && op.b >= program.inputs && op.b < first_result) {
      const auto simpler = power_by(program.constants[static_cast<size_t>(op.b - program.inputs)]);
      if (simpler) op.op = *simpler, op.b = 0;
    }
    op.to = first_result + static_cast<int>(i);
    value[static_cast<size_t>(program.ops[i].to)] = op.to;
    // A copy is only needed to write the output, which whoever runs the chain sees to.
    if (op.op == ChainOpcode::copy) value[static_cast<size_t>(program.ops[i].to)] = op.a;
  }

  ChainProgram simple;
  simple.inputs = program.inputs;
  simple.constants = program.constants;
  const int result = value_of(program.result);
  std::vector<bool> used(static_cast<size_t>(first_result) + ops.size(), false);
  used[static_cast<size_t>(result)] = true;
  for (size_t i = ops.size(); i-- > 0;) {
    const ChainOp& op = ops[i];
    if (!used[static_cast<size_t>(op.to)]) continue;
    const int operands = chain_operands(op.op);
    used[static_cast<size_t>(op.a)] = true;
    if (operands > 1) used[static_cast<size_t>(op.b)] = true;
    if (operands > 2) used[static_cast<size_t>(op.c)] = true;
  }
  std::vector<int> renamed(used.size());
  int next = first_result;
  for (int i = 0; i < first_result; ++i) renamed[static_cast<size_t>(i)] = i;
  for (ChainOp op : ops) {
    if (!used[static_cast<size_t>(op.to)]) continue;
    renamed[static_cast<size_t>(op.to)] = next;
    op.to = next++;
    op.a = renamed[static_cast<size_t>(op.a)];
    op.b = renamed[static_cast<size_t>(op.b)];
    op.c = renamed[static_cast<size_t>(op.c)];
    simple.ops.push_back(op);
  }
  simple.registers = next;
  simple.result = renamed[static_cast<size_t>(result)];
  return simple;
}

}  // namespace kiln
