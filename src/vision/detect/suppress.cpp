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

}  // namespace

std::vector<Detection> suppress(const std::vector<Detection>& boxes, float overlap, bool agnostic, int64_t most) {
  const OverlapsAny overlaps = overlaps_any(best_isa());
  // Where a class's boxes are kept; classes are few, and none is above most_class.
  std::vector<int32_t> place_of_class;
  std::vector<BoxBlocks> kept;
  const auto kept_like = [&](const Detection& box) -> BoxBlocks& {
    const size_t wanted = agnostic ? 0 : static_cast<size_t>(std::clamp<int64_t>(box.class_index, 0, most_class));
    if (wanted >= place_of_class.size()) place_of_class.resize(wanted + 1, -1);
    if (place_of_class[wanted] < 0) {
      place_of_class[wanted] = static_cast<int32_t>(kept.size());
      kept.emplace_back();
    }
    return kept[static_cast<size_t>(place_of_class[wanted])];
  };
  std::vector<Detection> result;
  for (const Rank& rank : ranks_of(boxes)) {
    if (static_cast<int64_t>(result.size()) >= most) break;
    const Detection& box = boxes[rank.index];
    BoxBlocks& like = kept_like(box);
    const float sides[4] = {box.left, box.top, box.right, box.bottom};
    if (overlaps(like.data(), like.blocks(), sides, overlap)) continue;
    like.add(box);
    result.push_back(box);
  }
  return result;
}

}  // namespace kiln::vision
