#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/build_report.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

/// How much is timed on this machine before the ways to do each node are chosen.
enum class Tune : uint8_t {
  off,   ///< nothing: rules and a cost model choose
  fast,  ///< the most promising ways
  full,  ///< every way
};

/// What an engine should be good at, where being fast takes memory.
enum class Prefer : uint8_t { balanced, speed, memory };

/// Whether sums may be taken in another order and products saved by Winograd's transforms.
enum class Math : uint8_t { fast, strict };

/// Shapes that an input may have: each dim from `least` to `largest`, mostly about `typical`. -1 for a dim leaves that
/// to the builder, and nothing is outside then.
struct ShapeRange {
  Shape least, typical, largest;
  bool operator==(const ShapeRange&) const = default;
};

/// Shapes that inputs have together, by the inputs' names; "" stands for the only input.
using Profile = std::map<std::string, ShapeRange>;

/// How far a build is.
struct BuildProgress {
  std::string what;  ///< "timing conv_winograd for node 'conv1'"
  size_t done = 0, total = 0;
  double seconds = 0;       ///< since the build began
  double seconds_left = 0;  ///< as far as it can be told
};

struct BuildOptions {
  Tune tune = Tune::fast;
  double time_budget_seconds = 60;  ///< after it, the best that was found is taken
  Prefer prefer = Prefer::balanced;
  Math math = Math::fast;
  /// Instruction sets that the engine can run with ("avx2", "avx512"), with weights for each; none: the one that this
  /// process takes. The machine must have them all.
  std::vector<std::string> isas = {};
  /// Whose ways to do nodes are looked at: "kiln", "onednn" (an Error where it cannot be loaded). Where kiln is not
  /// named, its own do what the others cannot. None: Kiln's, and where something is timed those of all libraries that
  /// are there.
  std::vector<std::string> providers = {};
  int threads = 0;      ///< that the engine will run with; 0 takes those of the process
  bool rewrite = true;  ///< the graph, beyond what Kiln needs: inlined functions, the newest opset
  bool verify = true;   ///< hold the engine against the reference code on random inputs before it is given out
  /// Called now and then, on the building thread.
  std::function<void(const BuildProgress&)> progress = {};
  /// Set it to true, from any thread or a signal handler, to stop timing and keep the best so far.
  const std::atomic<bool>* stop_tuning = nullptr;
  std::map<std::string, Shape> shapes = {};  ///< of inputs whose dims the model leaves open: what to choose for
  /// Sizes of inputs that ways are chosen for; other shapes run too, in the ways for the nearest ones. Where nothing is
  /// said, a model that leaves dims open is made for one size, and with Tune::full for a few about those in common use.
  std::vector<Profile> profiles = {};
  BuildReport* report = nullptr;  ///< filled in where it is given
};

/// Sets an option by its name ("prefer") and value ("memory"), as a command line or a language binding has them.
/// "profile" adds to the profiles: "x=1x3x32x32:1x3x640x640:1x3x4096x4096" (least, typical and largest), one shape
/// alone, or "[1,3,960:1200,800]" with ".." for any; with ";" between inputs. What is said again of an input is part
/// of the next profile.
void set_build_option(BuildOptions& options, std::string_view name, std::string_view value);

}  // namespace kiln
