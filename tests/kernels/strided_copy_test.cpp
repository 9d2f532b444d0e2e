#include "kernels/copy/strided_copy.hpp"

#include <algorithm>

#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

using Bytes = std::vector<uint8_t>;

void copy_plainly(int64_t size, const std::vector<CopyDim>& dims, size_t level, const uint8_t* from, uint8_t* to) {
  if (level == dims.size()) {
    std::memcpy(to, from, static_cast<size_t>(size));
    return;
  }
  for (int64_t i = 0; i < dims[level].extent; ++i) {
    copy_plainly(size, dims, level + 1, from + i * dims[level].from * size, to + i * dims[level].to * size);
  }
}

/// Random strides on both sides: axes in any order, steps, gaps, repeats, backwards.
std::vector<CopyDim> random_box(Philox& rng, int64_t most_elements) {
  const auto rank = static_cast<size_t>(pick(rng, 0, 5));
  std::vector<CopyDim> dims(rank);
  int64_t left = most_elements;
  for (CopyDim& dim : dims) {
    constexpr int64_t bounds[] = {3, 5, 20, 70, 400};
    dim.extent = std::min(left, pick(rng, pick(rng, 0, 60) == 0 ? 0 : 1, bounds[pick(rng, 0, 4)]));
    left /= std::max<int64_t>(dim.extent, 1);
  }
  const auto lay_out = [&](int64_t CopyDim::*stride, bool may_repeat) {
    std::vector<size_t> order(rank);
    for (size_t i = 0; i < rank; ++i) order[i] = i;
    for (size_t i = rank; i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(i) - 1))]);
    const bool gaps = pick(rng, 0, 2) == 0;
    int64_t step = gaps ? pick(rng, 1, 3) : 1;
    for (const size_t i : order) {
      dims[i].*stride = pick(rng, 0, 9) == 0 ? -step : may_repeat && pick(rng, 0, 9) == 0 ? 0 : step;
      step = step * std::max<int64_t>(dims[i].extent, 1) + (gaps ? pick(rng, 0, 2) : 0);
    }
  };
  lay_out(&CopyDim::from, true);
  lay_out(&CopyDim::to, false);
  return dims;
}

/// The lowest place and the number of places that a box takes.
std::pair<int64_t, int64_t> reach(const std::vector<CopyDim>& dims, int64_t CopyDim::*stride) {
  int64_t low = 0, high = 0;
  for (const CopyDim& dim : dims) {
    const int64_t last = (std::max<int64_t>(dim.extent, 1) - 1) * dim.*stride;
    (last < 0 ? low : high) += last;
  }
  return {low, high - low + 1};
}

TEST(StridedCopy, CopiesAnyBox) {
  Philox rng(61);
  for (int i = 0; i < 3000; ++i) {
    const int64_t size = int64_t{1} << pick(rng, 0, 4);
    const std::vector<CopyDim> dims = random_box(rng, i % 20 == 0 ? 40000 : 3000);
    const auto [from_low, from_count] = reach(dims, &CopyDim::from);
    const auto [to_low, to_count] = reach(dims, &CopyDim::to);
    Bytes from(static_cast<size_t>(from_count * size));
    for (uint8_t& x : from) x = static_cast<uint8_t>(rng.below(256));
    const Bytes before(static_cast<size_t>(to_count * size), 0xa5);
    Bytes expected = before;
    copy_plainly(size, dims, 0, from.data() - from_low * size, expected.data() - to_low * size);
    std::string text = fmt::format("{} bytes each:", size);
    for (const CopyDim& dim : dims) text += fmt::format(" {} ({} -> {})", dim.extent, dim.from, dim.to);
    for (const Isa isa : usable_isas()) {
      const int64_t parts = pick(rng, 1, 3);
      const StridedCopy copy(size, dims, -from_low, -to_low, isa);
      Bytes to = before;
      for (int64_t part = parts; part-- > 0;) copy.run_part(part, parts, from.data(), to.data());
      ASSERT_EQ(to, expected) << text << ", " << isa_name(isa) << ", " << parts << " parts";
    }
  }
}

TEST(StridedCopy, RefusesOddElements) {
  EXPECT_THROW(StridedCopy(3, {}, 0, 0, Isa::portable), Error);
  EXPECT_THROW(StridedCopy(4, {{2, 1, 0}}, 0, 0, Isa::portable), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
