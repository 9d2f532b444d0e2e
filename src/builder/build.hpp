#pragma once

#include <map>
#include <string>
#include <vector>

#include "kiln/build_options.hpp"
#include "runtime/engine.hpp"

namespace kiln {

/// A way to do a group, for people.
struct WayReport {
  std::string what;     ///< "conv_winograd, F(4x4,3x3), 2 blocks, 28 tiles"
  std::string formats;  ///< of inputs and outputs, p for plain and b for blocked: "bp>b"
  double seconds = 0;   ///< measured, or else as modelled
  double modelled = 0;
  bool measured = false;
  double bytes = 0;  ///< of the weights that it keeps
};

/// What was decided for one group, and why.
struct GroupReport {
  std::string nodes;    ///< "conv1, relu1"
  std::string ops;      ///< "Conv+Relu"
  std::string problem;  ///< shapes and attributes in one line
  WayReport pick;
  std::vector<WayReport> others;                              ///< best first
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
