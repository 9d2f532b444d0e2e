#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kiln {

/// A way to do a group of nodes.
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

/// A rewrite of the graph, and what it spares every run; less than zero where it adds something.
struct PatchReport {
  std::string pass;  ///< "fold_batch_norm"
  std::string what;  ///< "fold BatchNormalization 'bn1' into Conv 'conv1'"
  int64_t nodes = 0;
  bool is_counted = false;  ///< whether the next two are known: all shapes are, where open dims have usual sizes
  double flops = 0;         ///< a multiply-add is two
  double bytes = 0;         ///< that its nodes read and write
};

/// Ways for a size of the inputs, beside those of the whole report.
struct SizeReport {
  std::string shapes;               ///< "x [1,3,160,160]"
  double seconds = 0;               ///< that a run of this size should take
  double seconds_by_first = 0;      ///< in the ways for the first size; 0 where these cannot do all of it
  bool own_ways = false;            ///< else those of the first size do it, within some percents as fast
  double bytes = 0;                 ///< of weights, beside those of the sizes before
  std::vector<GroupReport> groups;  ///< done in another way than for the first size
};

/// What a build did.
struct BuildReport {
  size_t nodes_before = 0, nodes_after = 0;  ///< of the graph, around its rewriting
  std::vector<PatchReport> patches;          ///< in order
  std::vector<GroupReport> groups;
  std::string shapes;             ///< of the inputs, that these groups were chosen for
  std::vector<SizeReport> sizes;  ///< others that ways were looked for
  bool verified = false;          ///< the answers were held against those of the reference code, now or before
  double difference = 0;          ///< the largest, over the largest magnitude of its tensor
  std::string why_not_verified;   ///< "input 'x' is a sequence"
};

}  // namespace kiln
