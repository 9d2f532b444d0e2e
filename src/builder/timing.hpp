#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "base/team.hpp"
#include "builder/candidate.hpp"

namespace kiln {

/// Memory that grows, with small numbers in it so that no arithmetic meets infinities or denormals.
class TimingMemory {
 public:
  /// At least so many bytes, aligned to 64. What was given before is gone.
  std::byte* at_least(size_t bytes);

 private:
  std::unique_ptr<std::byte, void (*)(void*)> memory_{nullptr, std::free};
  size_t bytes_ = 0;
};

/// Measures Works as they will run in a network: weights that have not been used for a while, inputs that other threads
/// have just written, outputs over what was read before.
class Stopwatch {
 public:
  /// `far_weights`: they come from main memory, not just from beyond L2.
  Stopwatch(Team& team, int threads, bool far_weights);

  /// Seconds of one run. Spends about `seconds` on it, less where it turns out to take longer than `give_up`. Nothing
  /// (a negative number) where the candidate cannot be prepared.
  double measure(const Problem& problem, const Candidate& candidate, double seconds, double give_up);
  /// The same for the copy of a [1,c,h,w] tensor from one format to the other.
  double measure_copy(const Shape& shape, Isa isa, Format from, double seconds);

 private:
  struct Memory {
    std::byte* at;
    size_t bytes;
    bool refreshed;  ///< written by all threads before each run
  };
  double repeat(const Work& work, WorkPointers pointers, int parts, size_t packed_bytes,
                const std::vector<Memory>& inputs, double seconds, double give_up);
  void refresh(const std::vector<Memory>& inputs);

  Team& team_;
  const int threads_;
  size_t weight_bytes_;      ///< enough to be cold when their turn comes again
  size_t weight_place_ = 0;  ///< of those, where the next run's begin
  TimingMemory weights_, activations_;
};

}  // namespace kiln
