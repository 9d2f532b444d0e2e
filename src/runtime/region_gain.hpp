#pragma once

#include <optional>
#include <span>
#include <vector>

#include "runtime/band_work.hpp"
#include "runtime/region_plan.hpp"

namespace kiln {

/// What a run of ops would be like as a region: what its gain depends on, whatever memory is worth.
struct RegionCase {
  size_t begin = 0, end = 0;
  double all = 0;                           ///< bytes of the tensors that roll, a thread's share
  double passing = 0;                       ///< what a thread reads and writes of those that are there as a whole
  double kept = 0;                          ///< lines that are kept from band to band
  double reach = 0;                         ///< lines that it takes for the first rows to leave it
  double weights = 0;                       ///< read again in each band
  double meaned = 0;                        ///< of which means are taken
  double seconds = 0;                       ///< that all of it takes anyway
  double lost = 0;                          ///< seconds, whatever the number of bands
  double doubled = 0;                       ///< for rows that two threads make, where each has rows of its own
  int64_t most_bands = 1, most_shared = 1;  ///< of a thread's rows, and of all
  double beside = 0;                        ///< bytes of what is there as a whole meanwhile
  size_t first_wait = 0, waits = 0;         ///< among those of the judge
  size_t first_way = 0, ways = 0;
  std::optional<bool> divides;  ///< whether threads can share it, where that is known
};

/// What regions gain in time, and the memory that they need.
class RegionJudge {
 public:
  RegionJudge(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, const RegionPlan::Rules& rules,
              int threads);

  /// A way to do a region.
  struct Way {
    BandWork::Sharing sharing = BandWork::Sharing::rows;
    int64_t bands = 1;
    double gain = 0;   ///< seconds
    double bytes = 0;  ///< in use meanwhile
  };
  /// A region that was settled; nothing where no tensor rolls. With `forced` there are at least five bands wherever
  /// there can be, and the more memory they save the more is gained.
  std::optional<RegionCase> look(const RegionPlan& plan, size_t begin, size_t end, bool forced);
  std::span<const Way> ways(const RegionCase& region) const { return {ways_.data() + region.first_way, region.ways}; }

  /// Bytes in use while each op runs, if nothing is done in bands.
  const std::vector<int64_t>& used() const { return used_; }
  double seconds_of(size_t index);
  /// Whether threads gain by tensors of so many bytes not being there.
  bool is_large(int64_t bytes) const;

 private:
  /// Bytes whose way to and from memory takes so many seconds each more than L2's.
  struct Wait {
    double bytes, seconds;
  };
  const Slot& slot(int index) const { return slots_[static_cast<size_t>(index)]; }
  double excess_seconds(double bytes) const;
  double near_bytes() const;
  double far_bytes() const;
  double seconds_left(double touched) const;
  double memory_share(size_t index);
  double lost_place(size_t index, const BandedOp& made, const std::vector<BandedTensor>& tensors) const;
  double bytes_passing(const RegionPlan& plan, size_t begin, size_t end) const;
  static double reach_of(const RegionPlan& plan, int64_t bands, const std::vector<double>& line);
  int64_t most_bands(const RegionCase& region, BandWork::Sharing sharing) const;
  int64_t bands_for(const RegionCase& region, int64_t least, BandWork::Sharing sharing) const;
  int64_t sharers(BandWork::Sharing sharing) const { return sharing == BandWork::Sharing::steps ? threads_ : 1; }
  double scratch_bytes(const RegionCase& region, const Way& way) const;
  double gain_of(const RegionCase& region, const Way& way) const;
  void add_ways(const RegionCase& region, BandWork::Sharing sharing);
  void add_forced_ways(const RegionCase& region);

  const std::vector<Slot>& slots_;
  std::vector<ScheduledOp>& ops_;
  const RegionPlan::Rules& rules_;
  const int threads_;
  std::vector<Wait> waits_;
  std::vector<Way> ways_;
  std::vector<int64_t> used_, born_;   ///< born: bytes of all that ops before the one make
  std::vector<double> memory_shares_;  ///< of ops; less than 0 where it is not known yet
};

/// What a slot takes of memory.
int64_t bytes_of(const Slot& slot);

}  // namespace kiln
