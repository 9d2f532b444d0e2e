#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"

namespace kiln::cli {

/// A value for an input and where it comes from: "random", "zeros", or the file's name.
struct FedInput {
  std::string name;
  Value value;
  std::string source;
};

struct FeedOptions {
  std::vector<std::string> inputs;  ///< NAME=SOURCE, or a .npz file whose arrays are named like inputs
  std::vector<std::string> shapes;
  uint64_t seed = 0;
};

/// Values for all inputs that a run needs, in the model's order: from files, the others made. Fails with UsageError
/// for what the model cannot take.
std::vector<FedInput> make_feeds(const std::vector<PortInfo>& ports, const FeedOptions& options);

}  // namespace kiln::cli
