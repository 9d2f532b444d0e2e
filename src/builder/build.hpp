#pragma once

#include <map>
#include <string>
#include <vector>

#include "kiln/build_options.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// What was decided for one group, and why, for people.
struct GroupReport {
  std::string nodes;  ///< "conv1, relu1"
  std::string ops;    ///< "Conv+Relu"
  std::string pick;   ///< "conv_winograd, F(4x4,3x3), 2 blocks, 28 tiles"
  double seconds = 0;
  bool measured = false;
  double bytes = 0;  ///< of the weights that it keeps
  struct Other {
    std::string what;
    double seconds;
    bool measured;
  };
  std::vector<Other> others;                                  ///< best first
  std::vector<std::pair<std::string, std::string>> declines;  ///< tactic and reason
};
struct BuildReport {
  std::vector<GroupReport> groups;
};

struct BuildDetails {
  std::map<std::string, Shape> shapes;  ///< of inputs, where the model leaves dims open: what to choose for
  BuildReport* report = nullptr;        ///< filled in where it is given
};

/// Decides how an engine's main graph is done on this machine, and packs its weights.
Machine build_machine(const EngineDef& engine, const BuildOptions& options, const BuildDetails& details = {});

}  // namespace kiln
