#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "base/cpu.hpp"
#include "vision/detect/boxes.hpp"
#include "vision/detect/overlap.hpp"

namespace kiln::vision {

bool overlaps_any_portable(const float* blocks, size_t count, const float* box, float most);
bool overlaps_any_avx2(const float* blocks, size_t count, const float* box, float most);

OverlapsAny overlaps_any(Isa isa) { return isa == Isa::portable ? overlaps_any_portable : overlaps_any_avx2; }

void BoxBlocks::add(const Detection& box) {
  const size_t lane = count_ % lanes;
  if (lane == 0) {
    constexpr float far = std::numeric_limits<float>::max();
    values_.resize(values_.size() + block, -far);
    std::fill_n(values_.end() - static_cast<int64_t>(block), 2 * lanes, far);
    std::fill_n(values_.end() - static_cast<int64_t>(lanes), lanes, 0.0f);
  }
  float* const to = values_.data() + values_.size() - block + lane;
  to[0] = box.left;
  to[lanes] = box.top;
  to[2 * lanes] = box.right;
  to[3 * lanes] = box.bottom;
  to[4 * lanes] = (box.right - box.left) * (box.bottom - box.top);
  ++count_;
}

namespace {

struct Rank {
  uint32_t key, index;
};

/// The boxes' order by score, the best first, equal ones as they come: three rounds of counting.
std::vector<Rank> ranks_of(const std::vector<Detection>& boxes) {
  constexpr uint32_t digits = 11, mask = (1u << digits) - 1;
  std::vector<Rank> ranks(boxes.size()), other(boxes.size());
  std::array<std::array<uint32_t, mask + 1>, 3> counts{};
  for (size_t i = 0; i < boxes.size(); ++i) {
    // The bits of a float as a number that falls as it grows.
    const auto bits = std::bit_cast<uint32_t>(boxes[i].score);
    const uint32_t key = (bits >> 31) != 0 ? bits : ~(bits | 0x80000000u);
    ranks[i] = {key, static_cast<uint32_t>(i)};
    for (uint32_t round = 0; round < 3; ++round) ++counts[round][key >> (digits * round) & mask];
  }
  for (uint32_t round = 0; round < 3; ++round) {
    uint32_t sum = 0;
    for (uint32_t& count : counts[round]) sum += std::exchange(count, sum);
    for (const Rank& rank : ranks) other[counts[round][rank.key >> (digits * round) & mask]++] = rank;
    ranks.swap(other);
  }
  return ranks;
}

/// Boxes of one class that were kept, found again by where a candidate's centre lies. Two boxes that overlap by more
/// than a share t lie so near that the centre of the one is at most max(1 - t, (1 / t - 1) / 2) sides of the other away
/// from its centre, so that a box is noted in all cells that far around it and a candidate looks into one.
class KeptBoxes {
 public:
  explicit KeptBoxes(float overlap) {
    constexpr float least = 0.1f;
    reach_ = overlap < least ? 0 : std::max(1 - overlap, (1 / overlap - 1) / 2) * 1.001f;
  }

  const BoxBlocks& near(const Detection& box) const {
    return cells_.empty() ? all_ : cells_[cell(box.left + box.right) + sides * cell(box.top + box.bottom)];
  }
  void add(const Detection& box) {
    if (all_.blocks() < few && cells_.empty()) {
      all_.add(box);
      early_.push_back(box);
      if (all_.blocks() == few && reach_ > 0) {
        cells_.resize(sides * sides);
        for (const Detection& before : early_) note(before);
      }
    } else if (cells_.empty()) {
      all_.add(box);
    } else {
      note(box);
    }
  }

 private:
  static constexpr size_t few = 4, sides = 16;
  static constexpr int64_t cell_size = 48;

  /// Over and over beyond the last one: who meets there from afar is told apart by its box.
  static size_t cell(float twice) {
    constexpr float far = 1e6f;
    const float place = twice > -far ? std::min(twice, far) : -far;
    return static_cast<size_t>((static_cast<int64_t>(place) + (int64_t{1} << 20)) / (2 * cell_size)) % sides;
  }
  void note(const Detection& box) {
    const auto cells_of = [&](float low, float high) {
      const float middle = low + high, away = 2 * reach_ * (high - low) + 1;
      const size_t first = cell(middle - away), last = cell(middle + away);
      const bool all = !(away < static_cast<float>(cell_size * (sides - 2)));
      return std::pair(all ? 0 : first, all ? sides - 1 : (last + sides - first) % sides + first);
    };
    if (!(box.right > box.left && box.bottom > box.top)) return;
    const auto [left, right] = cells_of(box.left, box.right);
    const auto [top, bottom] = cells_of(box.top, box.bottom);
    for (size_t y = top; y <= bottom; ++y) {
      for (size_t x = left; x <= right; ++x) cells_[x % sides + sides * (y % sides)].add(box);
    }
  }

  float reach_;
  BoxBlocks all_;
  std::vector<Detection> early_;
  std::vector<BoxBlocks> cells_;
};

/// The box as ultralytics compares it with others of its class: moved by so many pixels for each class, in single
/// precision, and back. What that leaves of its sides, whole sixteenths of a pixel for the last of 80 classes, decides
/// on overlaps near the threshold.
Detection as_compared(const Detection& box) {
  const float by = 7680 * static_cast<float>(box.class_index);
  const auto moved = [by](float side) { return (side + by) - by; };
  return {moved(box.left), moved(box.top), moved(box.right), moved(box.bottom), box.score, box.class_index};
}

}  // namespace

std::vector<Detection> suppress(const std::vector<Detection>& boxes, float overlap, bool agnostic, int64_t most) {
  const OverlapsAny overlaps = overlaps_any(best_isa());
  // Where a class's boxes are kept; classes are few, and none is above most_class.
  std::vector<int32_t> place_of_class;
  std::vector<KeptBoxes> kept;
  const auto kept_like = [&](const Detection& box) -> KeptBoxes& {
    const size_t wanted = agnostic ? 0 : static_cast<size_t>(std::clamp<int64_t>(box.class_index, 0, most_class));
    if (wanted >= place_of_class.size()) place_of_class.resize(wanted + 1, -1);
    if (place_of_class[wanted] < 0) {
      place_of_class[wanted] = static_cast<int32_t>(kept.size());
      kept.emplace_back(overlap);
    }
    return kept[static_cast<size_t>(place_of_class[wanted])];
  };
  std::vector<Detection> result;
  for (const Rank& rank : ranks_of(boxes)) {
    if (static_cast<int64_t>(result.size()) >= most) break;
    const Detection box = agnostic ? boxes[rank.index] : as_compared(boxes[rank.index]);
    KeptBoxes& like = kept_like(box);
    const BoxBlocks& near = like.near(box);
    const float sides[4] = {box.left, box.top, box.right, box.bottom};
    if (overlaps(near.data(), near.blocks(), sides, overlap)) continue;
    like.add(box);
    result.push_back(boxes[rank.index]);
  }
  return result;
}

}  // namespace kiln::vision
