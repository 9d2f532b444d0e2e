#pragma once

#include <vector>

#include "builder/candidate.hpp"

namespace kiln {

/// Seconds that a byte which stays in memory is worth.
///
/// Balanced, a megabyte must buy 5 microseconds a run: of a 3 x 3 layer of 512 channels on 28 x 28 pixels, whose
/// Winograd weights of F(6x6) take 29 MB more than those of F(4x4), that asks for 150 of its 2500 microseconds, while
/// F(4x4) against direct convolution (28 MB more, 4 milliseconds less) or F(2x2) at 7 x 7 pixels stay cheap.
double price_of_byte(Prefer prefer);

/// What it costs that a value is made in one format and read in another.
struct CopyCosts {
  double start_seconds = 5e-7;
  double to_blocked_bytes_per_second = 16e9;  ///< of a plain tensor
  double to_plain_bytes_per_second = 16e9;
  double seconds(const TensorSpec& spec, Format made, Format read) const;
};

/// Which candidate each group takes, such that all of them with the copies between their formats and the price of
/// their bytes cost least.
std::vector<size_t> select(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices,
                           double price, const CopyCosts& copies);

}  // namespace kiln
