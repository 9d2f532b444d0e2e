#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {

/// "96..608/32" or "8".
struct DimRange {
  int64_t first = 1, last = 1, step = 1;
};

/// Whether --shapes asks for shapes at random: "random:..." or "NAME=random:...".
bool is_random_shapes(std::string_view text);

/// Shapes of a model's inputs with some dims drawn at random.
class RandomShapes {
 public:
  /// `text` is "random:96..608/32,96..608/32", the ranges of the last open dims of the only input that has any, or of
  /// all open dims of a model whose inputs share them; with "NAME=" before it, of that input. What it does not say is
  /// taken from --shape, else 1. Fails with UsageError where it is not clear which dims are meant.
  RandomShapes(const std::vector<PortInfo>& ports, const std::string& text, const std::vector<std::string>& options,
               uint64_t seed);

  /// Numbers for the dims that are drawn, one for each range.
  std::vector<int64_t> draw();
  std::vector<int64_t> largest() const;
  /// The shapes of all inputs whose ranks are known.
  std::map<std::string, Shape> shapes(const std::vector<int64_t>& drawn) const;
  /// "[1,3,96..608/32,96..608/32]"
  std::string describe(const std::string& input) const;

 private:
  struct Place {
    std::string input;
    size_t axis = 0;
  };
  struct Open {
    std::vector<Place> places;  ///< that have this dim
  };
  void choose(const std::vector<PortInfo>& ports, const std::string& name);

  std::vector<DimRange> ranges_;
  std::vector<Open> drawn_;  ///< as many as ranges
  std::map<std::string, Shape> base_;
  Philox random_;
};

}  // namespace kiln::cli
