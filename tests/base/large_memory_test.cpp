#include "base/large_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kiln {
namespace {

TEST(LargeMemory, HoldsWhatIsWrittenWhoeverTouchesItFirst) {
  constexpr size_t large = size_t{2} << 20;
  for (const size_t bytes : {size_t{1}, size_t{5000}, large - 1, large, 3 * large + 7, 17 * large, 40 * large - 64}) {
    for (const int threads : {1, 2, 5}) {
      const LargeMemory owner(static_cast<std::byte*>(allocate_large(bytes, threads)), FreeLarge{bytes});
      ASSERT_NE(owner, nullptr);
      std::byte* const memory = owner.get();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
      const auto expected = [](size_t i) { return static_cast<std::byte>(i * 2654435761u >> 13); };
      for (size_t i = 0; i < bytes; ++i) memory[i] = expected(i);
      const size_t kept = bytes / 3;
      release_tail(memory, bytes, kept);
      size_t wrong = 0;
      for (size_t i = 0; i < kept; ++i) wrong += memory[i] != expected(i) ? 1 : 0;
      EXPECT_EQ(wrong, 0u) << bytes << " bytes, " << threads << " threads";
      std::fill_n(memory, bytes, std::byte{1});
      EXPECT_EQ(static_cast<size_t>(std::count(memory, memory + bytes, std::byte{1})), bytes);
    }
  }
}

TEST(LargeMemory, IsNullWhereThereIsNone) { EXPECT_EQ(allocate_large(SIZE_MAX - 1, 2), nullptr); }

}  // namespace
}  // namespace kiln
