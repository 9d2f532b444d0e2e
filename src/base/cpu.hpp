#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/isa.hpp"
#include "base/knobs.hpp"

namespace kiln {

/// What this CPU can do and the operating system lets programs use.
struct CpuFeatures {
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool avx_vnni = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_tile = false;  ///< the kernel must still be asked for permission before the first tile is used
  bool amx_int8 = false;
  bool amx_bf16 = false;
};

/// The registers of CPUID and XGETBV that the features are read from.
struct CpuidWords {
  uint32_t leaf1_ecx = 0;
  uint32_t leaf7_ebx = 0, leaf7_ecx = 0, leaf7_edx = 0;
  uint32_t leaf7_1_eax = 0;
  uint64_t xcr0 = 0;
};
CpuFeatures decode_cpu_features(const CpuidWords& words);

const CpuFeatures& cpu_features();  ///< of this machine
/// Whether a register of AVX-512 takes a multiply-add unit twice as long as one of AVX2: Zen 4, and Zen 5 of notebooks.
bool has_half_rate_avx512();
/// Whether additions have units of their own beside those of multiply-adds: all of AMD's Zen.
bool adds_beside_multiplying();
bool is_virtual_machine();  ///< as its hypervisor says
std::string cpu_name();     ///< "AMD EPYC 9B14 96-Core Processor"; "unknown CPU" where it has no name

/// Sizes in bytes for one core: its own L1 data and L2 cache, and the L3 cache that it shares.
struct CacheSizes {
  int64_t l1d = 32 << 10;
  int64_t l2 = 1 << 20;
  int64_t l3 = 8 << 20;
};
CacheSizes read_cache_sizes(const std::string& root = "");  ///< `root` stands before /sys
const CacheSizes& cache_sizes();

std::string_view isa_name(Isa isa);
Isa best_isa_of(const CpuFeatures& features);

enum class IsaChoice : uint8_t { automatic, portable, avx2, avx512 };
inline ChoiceKnob<IsaChoice> isa_knob{"isa",
                                      "KILN_ISA",
                                      IsaChoice::automatic,
                                      "instruction set of the kernels; auto takes the best that the CPU has",
                                      {{"auto", IsaChoice::automatic},
                                       {"portable", IsaChoice::portable},
                                       {"avx2", IsaChoice::avx2},
                                       {"avx512", IsaChoice::avx512}}};

/// The instruction set that the knob asks for; an Error where the CPU lacks it.
Isa choose_isa(IsaChoice choice, const CpuFeatures& features);
/// choose_isa() for the knob's value and this machine.
Isa best_isa();

struct UsableCores {
  int count = 1;
  std::string why;  ///< "4 CPUs by affinity, on 2 cores; cgroup quota of 1.5 CPUs"
};

/// CPUs' worth of time that the process's cgroups (v1 or v2, with all their parents) allow; nothing if unlimited.
std::optional<double> read_cgroup_quota(const std::string& root = "");
/// Cores, hyperthreads counted once, that the affinity mask allows, at most as many as the quota pays for.
UsableCores read_usable_cores(const std::string& root = "");

}  // namespace kiln
