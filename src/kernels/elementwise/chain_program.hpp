#pragma once

#include <string_view>
#include <vector>

#include "kernels/elementwise/chain_opcode.hpp"

namespace kiln {

/// to = op(a, b, c); operands that an operator does not have are not looked at.
struct ChainOp {
  ChainOpcode op;
  int to = 0, a = 0, b = 0;
  float alpha = 0, beta = 0;
  int c = 0;
};

/// What is done to every element. Registers 0 to inputs - 1 are the operands, the next ones the constants, the others
/// are for results; these may be written again.
struct ChainProgram {
  std::vector<ChainOp> ops;
  int inputs = 0;
  std::vector<float> constants;
  int registers = 0;
  int result = 0;
};

std::string_view chain_opcode_name(ChainOpcode op);

/// Fails with what is wrong unless every register that is read was written before, and no operand or constant is
/// written.
void check_chain(const ChainProgram& program);

/// The same program with each register written once, no op whose result is not used, and cheaper ops where a constant
/// operand allows.
ChainProgram simplify_chain(const ChainProgram& program);

}  // namespace kiln
