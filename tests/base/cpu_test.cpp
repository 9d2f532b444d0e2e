#include "base/cpu.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "scratch_folder.hpp"

namespace kiln {
namespace {

CpuidWords everything() { return {~0u, ~0u, ~0u, ~0u, ~0u, ~0ull}; }

TEST(CpuFeatures, NeedTheOperatingSystemsConsent) {
  CpuidWords words = everything();
  EXPECT_EQ(best_isa_of(decode_cpu_features(words)), Isa::avx512);
  EXPECT_TRUE(decode_cpu_features(words).amx_int8);
  words.xcr0 = 0xe7;
  EXPECT_TRUE(decode_cpu_features(words).avx512_vnni);
  EXPECT_FALSE(decode_cpu_features(words).amx_tile);
  words.xcr0 = 0x7;
  EXPECT_EQ(best_isa_of(decode_cpu_features(words)), Isa::avx2);
  EXPECT_FALSE(decode_cpu_features(words).avx512f);
  words.xcr0 = 0x3;
  EXPECT_EQ(best_isa_of(decode_cpu_features(words)), Isa::portable);
  words = everything();
  words.leaf1_ecx &= ~(1u << 27);
  EXPECT_FALSE(decode_cpu_features(words).avx2);
}

TEST(CpuFeatures, AgreeWithTheCompilersRuntime) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  EXPECT_EQ(cpu_features().avx2, __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(cpu_features().fma, __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(cpu_features().avx512f, __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(cpu_features().avx512bw, __builtin_cpu_supports("avx512bw") != 0);
  EXPECT_EQ(cpu_features().avx512dq, __builtin_cpu_supports("avx512dq") != 0);
  EXPECT_EQ(cpu_features().avx512vl, __builtin_cpu_supports("avx512vl") != 0);
  EXPECT_EQ(cpu_features().avx512_vnni, __builtin_cpu_supports("avx512vnni") != 0);
  EXPECT_EQ(cpu_features().avx512_bf16, __builtin_cpu_supports("avx512bf16") != 0);
#endif
  EXPECT_FALSE(cpu_name().empty());
}

TEST(Isa, IsTheBestOrTheOneAskedFor) {
  const CpuFeatures avx512 = decode_cpu_features(everything());
  EXPECT_EQ(choose_isa(IsaChoice::automatic, avx512), Isa::avx512);
  EXPECT_EQ(choose_isa(IsaChoice::avx2, avx512), Isa::avx2);
  EXPECT_EQ(choose_isa(IsaChoice::portable, CpuFeatures()), Isa::portable);
  try {
    choose_isa(IsaChoice::avx2, CpuFeatures());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string_view(error.what()).find("asks for avx2"), std::string_view::npos) << error.what();
  }
  isa_knob.set(IsaChoice::portable);
  EXPECT_EQ(best_isa(), Isa::portable);
  isa_knob.reset();
}

TEST(CacheSizes, AreReadFromSysfs) {
  const ScratchFolder root;
  const auto write = [&](int index, const char* level, const char* type, const char* size) {
    const std::string folder = "sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    root.write(folder + "level", level);
    root.write(folder + "type", type);
    root.write(folder + "size", size);
  };
  EXPECT_EQ(read_cache_sizes(root.path()).l2, 1 << 20) << "a guess where there is nothing to read";
  write(0, "1\n", "Data\n", "48K\n");
  write(1, "1\n", "Instruction\n", "64K\n");
  write(2, "2\n", "Unified\n", "2048K\n");
  write(3, "3\n", "Unified\n", "260M\n");
  const CacheSizes sizes = read_cache_sizes(root.path());
  EXPECT_EQ(sizes.l1d, 48 << 10);
  EXPECT_EQ(sizes.l2, 2 << 20);
  EXPECT_EQ(sizes.l3, 260 << 20);
}

TEST(CgroupQuota, V2TakesTheLeastOfAllParents) {
  const ScratchFolder root;
  EXPECT_FALSE(read_cgroup_quota(root.path()));
  root.write("proc/self/cgroup", "0::/a/b\n");
  EXPECT_FALSE(read_cgroup_quota(root.path()));
  root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_FALSE(read_cgroup_quota(root.path()));
  root.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(read_cgroup_quota(root.path()), 1.5);
  root.write("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(read_cgroup_quota(root.path()), 1.5);
}

TEST(CgroupQuota, InAContainerTheMountIsTheGroup) {
  const ScratchFolder root;
  root.write("proc/self/cgroup", "0::/docker/0123abc\n");
  root.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(read_cgroup_quota(root.path()), 2.0);
}

TEST(CgroupQuota, V1) {
  const ScratchFolder root;
  root.write("proc/self/cgroup", "11:memory:/x\n4:cpu,cpuacct:/x\n3:cpuset:/x\n1:name=systemd:/x\nnonsense\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(read_cgroup_quota(root.path()));
  root.write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(read_cgroup_quota(root.path()), 2.5);
}

TEST(UsableCores, AreNoMoreThanTheQuotaPaysFor) {
  const ScratchFolder root;
  const UsableCores free = read_usable_cores(root.path());
  EXPECT_GE(free.count, 1);
  root.write("proc/self/cgroup", "0::/\n");
  root.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  const UsableCores limited = read_usable_cores(root.path());
  EXPECT_EQ(limited.count, 1);
  EXPECT_NE(limited.why.find("cgroup quota of 1.5 CPUs"), std::string::npos) << limited.why;
}

TEST(UsableCores, CountHyperthreadsOnce) {
  const ScratchFolder root;
  for (long cpu = 0; cpu < ::sysconf(_SC_NPROCESSORS_CONF); ++cpu) {
    root.write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list", "0-63\n");
  }
  EXPECT_EQ(read_usable_cores(root.path()).count, 1);
}

}  // namespace
}  // namespace kiln
