#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/bands.hpp"

namespace kiln {

/// Where an operand of a banded op lies.
struct BandOperand {
  enum class Kind : uint8_t { none, input, output, rolling, sums };
  Kind kind = Kind::none;
  int index = 0;       ///< among the inputs or outputs of the region, its tensors, or the steps that make means
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
  BandOperand output;  ///< none of a step that makes means alone
  // The means of all rows of an image, where the step makes them: at first it writes sums of rows.
  int mean_output = -1;
  BandOperand mean;
  BlockedLayout summed;
};

/// More parts than these make no means.
inline constexpr int64_t most_parts_with_means = 64;

/// A region as one Work. Either each part goes through bands of its own, all bands in some turns, or all parts share
/// the steps of each band, with memory for one band among them. Then the means are made of the sums of rows.
class BandWork final : public Work {
 public:
  enum class Sharing : uint8_t { rows, steps };
  struct Division {
    Sharing sharing = Sharing::rows;
    int64_t parts = 1;
    int64_t bands = 1;  ///< of a part, where each has its own
    int64_t turns = 1;  ///< in which a part does them, each a phase
  };
  BandWork(const Bands& bands, std::vector<BandStep> steps, const Division& division);
  std::string name() const override;
  int64_t scratch_floats(int64_t parts) const override { return (shares_steps() ? 1 : parts) * local_floats_; }
  int64_t bands() const { return bands_; }
  /// The most rows that each step makes in a band.
  const std::vector<int64_t>& heights() const { return heights_; }
  int64_t phases() const override { return (shares_steps() ? all_phases_ : turns_) + (means_.empty() ? 0 : 1); }
  bool shares_steps() const { return sharing_ == Sharing::steps; }
  int64_t bytes_beside() const override;
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override;

 private:
  /// Of an op in a band: those that it makes, or those that it reads around them.
  enum class Rows : uint8_t { out, in };
  struct Place {
    BandOperand::Kind kind = BandOperand::Kind::none;
    Rows rows = Rows::out;
    int32_t index = 0;
    int64_t offset = 0;     ///< in bytes
    int64_t row_bytes = 0;  ///< for each row before those of the band
  };
  /// Does some rows of an op; or, without a work, moves or clears lines in a number of planes.
  struct Command {
    const Work* work = nullptr;
    const float* packed = nullptr;
    int32_t step = 0;
    int32_t first_input = 0, inputs = 0;  ///< in places_, followed by a second output if there is one
    bool has_second = false;
    Place output;         ///< or the first line to move to or clear
    int64_t scratch = 0;  ///< of a work, in bytes of the part's memory
    int64_t planes = 0, plane_bytes = 0, bytes = 0;
    int64_t move = 0;  ///< how far behind lie the lines to be moved; 0: clear
  };
  /// Bands differ in little but the rows: most of a part share their commands.
  struct Band {
    uint32_t first_command = 0, commands = 0;
    uint32_t first_phase = 0, phases = 0;  ///< in phases_, where parts share the steps
    size_t first_row = 0;  ///< in rows_: for each step the first row that it makes, and the first that it reads
  };
  /// A phase of a command's work, or commands that move and clear lines, with all parts.
  struct Phase {
    uint32_t command = 0, commands = 1;
    int32_t phase = 0;
  };
  /// Sums of rows in the parts' memory, and the means that are made of them.
  struct Mean {
    BlockedLayout summed, mean;
    Place output;
    int64_t sums = 0;            ///< in bytes of a part's memory
    std::vector<RowSpan> made;   ///< rows whose sums are there, of each part
    std::vector<RowSpan> taken;  ///< those among them that no part before has
  };
  class Maker;

  void run_band(const Band& band, std::byte* memory, const WorkPointers& p) const;
  /// Of so many parts one does its part of a command; a work's phases from the first on.
  void run_command(const Command& command, const Band& band, std::byte* memory, const WorkPointers& p, PartRange phases,
                   int64_t part, int64_t parts) const;
  void run_shared(int64_t at_phase, int64_t part, int64_t parts, const WorkPointers& p) const;
  void write_means(int64_t part, int64_t parts, const WorkPointers& p) const;
  static void move_or_clear(const Command& command, std::byte* at, PartRange planes);

  size_t steps_;
  Sharing sharing_;
  int64_t bands_, turns_, local_floats_ = 0;
  int64_t all_phases_ = 0;
  std::deque<std::unique_ptr<Work>> works_;
  std::vector<Place> places_;
  std::vector<Command> commands_;
  std::vector<Phase> phases_;
  std::vector<int64_t> phase_ends_;       ///< after each band
  std::vector<std::vector<Band>> parts_;  ///< what each part does; one for all that share the steps
  std::vector<int64_t> rows_;
  std::vector<Mean> means_;
  std::vector<int64_t> heights_;
};

}  // namespace kiln
