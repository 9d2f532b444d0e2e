#include "builder/timing_cache.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/rng.hpp"
#include "base/scratch_folder.hpp"

namespace kiln {
namespace {

const std::string first = "cpu\tavx512\tConv a\tconv_direct\t2,4", second = "cpu\tavx512\tConv a\tconv_direct\t3,4",
                  third = "cpu\tavx512\tConv b\tconv_direct\t2,4";

TimingCache example() {
  TimingCache cache;
  cache.put(first, {1.25e-3, true});
  cache.put(second, {1.5e-3, false});
  cache.put(third, {7.123e-6, false});
  return cache;
}

TEST(TimingCache, ComesBackFromText) {
  const TimingCache cache = example();
  TimingCache again;
  EXPECT_EQ(again.merge(cache.text()), 0u);
  EXPECT_EQ(again.size(), 3u);
  EXPECT_EQ(again.text(), cache.text());
  EXPECT_EQ(again.find(first), (TimingCache::Entry{1.25e-3, true}));
  EXPECT_EQ(again.find("other"), std::nullopt);
}

TEST(TimingCache, WhatIsRoundedComesBackAsItIs) {
  Philox random(3);
  for (int i = 0; i < 1000; ++i) {
    const double seconds = TimingCache::rounded(random.uniform() * 1e-3);
    TimingCache cache, again;
    cache.put("k", {seconds, false});
    again.merge(cache.text());
    EXPECT_EQ(again.find("k")->seconds, seconds);
  }
}

TEST(TimingCache, DamagedLinesArePassedOver) {
  const std::string text = example().text();
  Philox random(4);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = text;
    const size_t at = random.below(damaged.size());
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(7)));
    TimingCache cache;
    // A letter of a checksum may be large or small.
    if (cache.merge(damaged) == 0) {
      EXPECT_EQ(cache.text(), text);
    }
    for (const std::string& key : {first, second, third}) {
      const auto entry = cache.find(key);
      EXPECT_TRUE(!entry || entry == example().find(key));
    }
    EXPECT_GE(cache.size(), 1u);
  }
  for (size_t length = 0; length < text.size(); ++length) {
    TimingCache cache;
    cache.merge(std::string_view(text).substr(0, length));
    EXPECT_LE(cache.size(), 3u);
  }
  TimingCache cache;
  EXPECT_EQ(cache.merge("k0\t00000000\t1e-3\tquick\tof another format\n\nnonsense\n"), 3u);
}

TEST(TimingCache, MergesInAnyOrder) {
  TimingCache a = example(), b;
  b.put(first, {1.1e-3, true});
  b.put(second, {1.9e-3, true});
  b.put(third, {9e-6, false});
  b.put("another cpu\tavx2\tConv a\tconv_direct\t2,4", {3e-3, false});
  TimingCache one, two;
  one.merge(a.text() + b.text());
  two.merge(b.text());
  two.merge(a.text());
  EXPECT_EQ(one.text(), two.text());
  EXPECT_EQ(one.size(), 4u);
  EXPECT_EQ(one.find(first)->seconds, 1.1e-3);
  EXPECT_EQ(one.find(second), (TimingCache::Entry{1.9e-3, true}));
  EXPECT_EQ(one.find(third)->seconds, 7.123e-6);
}

TEST(TimingCache, FilesKeepWhatOthersWrote) {
  const ScratchFolder folder;
  const std::string path = folder / "deep/er/timings";
  TimingCache none;
  none.load(path);
  EXPECT_EQ(none.size(), 0u);
  TimingCache a = example(), b;
  a.save(path);
  b.put("more", {1e-3, false});
  b.save(path);
  TimingCache all;
  all.load(path);
  EXPECT_EQ(all.size(), 4u);
  for (const auto& entry : std::filesystem::directory_iterator(folder / "deep/er")) {
    EXPECT_EQ(entry.path().filename(), "timings");
  }
}

}  // namespace
}  // namespace kiln
