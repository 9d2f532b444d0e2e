#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/bands.hpp"

namespace kiln {

/// Where an operand of a banded op lies.
struct BandOperand {
  enum class Kind : uint8_t { none, input, output, rolling };
  Kind kind = Kind::none;
  int index = 0;       ///< among the inputs or outputs of the region, or its tensors
  int64_t offset = 0;  ///< of a part of a tensor: bytes of a plain one, channel blocks of a blocked one
  TensorLayout layout;
  int64_t row_bytes = 0;  ///< of a plain one that is read or written by rows
};

/// How to make an op of a region concrete for some rows.
struct BandStep {
  Problem* problem = nullptr;  ///< null for a copy
  const Tactic* tactic = nullptr;
  Tuning tuning;
  const float* packed = nullptr;
  TensorSpec copied;
  std::vector<BandOperand> inputs;
  BandOperand output;
};

/// A region as one Work: each part goes through its bands on its own.
class BandWork final : public Work {
 public:
  BandWork(const Bands& bands, std::vector<BandStep> steps, int64_t parts, int64_t band_count);
  std::string name() const override;
  int64_t scratch_floats(int64_t parts) const override { return parts * local_floats_; }
  int64_t bytes_beside() const override;
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override;

 private:
  struct Place {
    BandOperand::Kind kind = BandOperand::Kind::none;
    int32_t index = 0;
    int64_t offset = 0;  ///< in bytes
  };
  /// Does some rows of an op; or, without a work, moves or clears lines in a number of planes.
  struct Command {
    const Work* work = nullptr;
    const float* packed = nullptr;
    int32_t first_input = 0, inputs = 0;  ///< in places_
    Place output;                         ///< or the first line to move to or clear
    int64_t scratch = 0;                  ///< of a work, in bytes of the part's memory
    int64_t planes = 0, plane_bytes = 0, bytes = 0;
    int64_t move = 0;  ///< how far behind lie the lines to be moved; 0: clear
  };
  class Maker;

  static void move_or_clear(const Command& command, std::byte* at);

  size_t steps_;
  int64_t bands_, local_floats_ = 0;
  std::deque<std::unique_ptr<Work>> works_;
  std::vector<Place> places_;
  std::vector<std::vector<Command>> commands_;  ///< of each part
};

}  // namespace kiln
