#include "base/cpu.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"

namespace kiln {
namespace {

bool bit(uint64_t word, int index) { return (word >> index & 1) != 0; }

CpuidWords read_cpuid() {
  CpuidWords words;
#if defined(__x86_64__)
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) {
    words.leaf1_ecx = c;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) {
    words.leaf7_ebx = b;
    words.leaf7_ecx = c;
    words.leaf7_edx = d;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) {
      words.leaf7_1_eax = a;
    }
  }
  if (bit(words.leaf1_ecx, 27)) {
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words.xcr0 = static_cast<uint64_t>(high) << 32 | low;
  }
#endif
  return words;
}

}  // namespace

CpuFeatures decode_cpu_features(const CpuidWords& words) {
  constexpr uint64_t ymm_state = 0x6, zmm_state = 0xe6, tile_state = 0x60000;
  const bool ymm = bit(words.leaf1_ecx, 27) && bit(words.leaf1_ecx, 28) && (words.xcr0 & ymm_state) == ymm_state;
  const bool zmm = ymm && (words.xcr0 & zmm_state) == zmm_state && bit(words.leaf7_ebx, 16);
  const bool tile = bit(words.leaf7_edx, 24) && (words.xcr0 & tile_state) == tile_state;
  CpuFeatures features;
  features.avx2 = ymm && bit(words.leaf7_ebx, 5);
  features.fma = ymm && bit(words.leaf1_ecx, 12);
  features.f16c = ymm && bit(words.leaf1_ecx, 29);
  features.avx_vnni = ymm && bit(words.leaf7_1_eax, 4);
  features.avx512f = zmm;
  features.avx512bw = zmm && bit(words.leaf7_ebx, 30);
  features.avx512dq = zmm && bit(words.leaf7_ebx, 17);
  features.avx512vl = zmm && bit(words.leaf7_ebx, 31);
  features.avx512_vnni = zmm && bit(words.leaf7_ecx, 11);
  features.avx512_bf16 = zmm && bit(words.leaf7_1_eax, 5);
  features.avx512_fp16 = zmm && bit(words.leaf7_edx, 23);
  features.amx_tile = tile;
  features.amx_int8 = tile && bit(words.leaf7_edx, 25);
  features.amx_bf16 = tile && bit(words.leaf7_edx, 22);
  return features;
}

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = decode_cpu_features(read_cpuid());
  return features;
}

namespace {

/// Family and model of a CPU of AMD's; nothing for others.
struct AmdModel {
  uint32_t family = 0, model = 0;
};
AmdModel amd_model() {
#if defined(__x86_64__)
  uint32_t a = 0, b = 0, c = 0, d = 0;
  char vendor[13] = {};
  if (__get_cpuid(0, &a, &b, &c, &d) == 0) return {};
  std::memcpy(vendor, &b, 4), std::memcpy(vendor + 4, &d, 4), std::memcpy(vendor + 8, &c, 4);
  if (std::strcmp(vendor, "AuthenticAMD") != 0 || __get_cpuid(1, &a, &b, &c, &d) == 0) return {};
  return {(a >> 8 & 15) + (a >> 20 & 255), (a >> 4 & 15) | (a >> 12 & 0xf0)};
#else
  return {};
#endif
}

}  // namespace

bool has_half_rate_avx512() {
  static const bool half = [] {
    const auto [family, model] = amd_model();
    return family == 0x19 || (family == 0x1a && model >= 0x20 && model < 0x40);
  }();
  return half;
}

bool adds_beside_multiplying() {
  static const bool beside = amd_model().family >= 0x17;
  return beside;
}

bool is_virtual_machine() {
  static const bool is = bit(read_cpuid().leaf1_ecx, 31);
  return is;
}

std::string cpu_name() {
  std::string name;
#if defined(__x86_64__)
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    uint32_t words[4] = {};
    if (__get_cpuid(leaf, &words[0], &words[1], &words[2], &words[3]) != 0) {
      name.append(reinterpret_cast<const char*>(words), sizeof words);
    }
  }
  name.resize(std::strlen(name.c_str()));
  const size_t begin = name.find_first_not_of(' ');
  name = begin == std::string::npos ? "" : name.substr(begin, name.find_last_not_of(' ') - begin + 1);
#endif
  return name.empty() ? "unknown CPU" : name;
}

namespace {

std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    return std::nullopt;
  }
  return line;
}

/// "48K" or "2M", as sysfs writes it; 0 where it is neither.
int64_t parse_cache_size(const std::string& text) {
  int64_t value = 0;
  return knob_detail::parse(text, value) && value > 0 ? value : 0;
}

}  // namespace

CacheSizes read_cache_sizes(const std::string& root) {
  CacheSizes sizes;
  for (int index = 0; index < 8; ++index) {
    const std::string folder = fmt::format("{}/sys/devices/system/cpu/cpu0/cache/index{}/", root, index);
    const std::string level = first_line(folder + "level").value_or("");
    const std::string type = first_line(folder + "type").value_or("");
    const int64_t size = parse_cache_size(first_line(folder + "size").value_or(""));
    if (size == 0 || type == "Instruction") {
      continue;
    }
    if (level == "1") {
      sizes.l1d = size;
    } else if (level == "2") {
      sizes.l2 = size;
    } else if (level == "3") {
      sizes.l3 = size;
    }
  }
  return sizes;
}

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = read_cache_sizes();
  return sizes;
}

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    default: return "portable";
  }
}

Isa best_isa_of(const CpuFeatures& features) {
  if (!features.avx2 || !features.fma || !features.f16c) {
    return Isa::portable;
  }
  const bool avx512 = features.avx512f && features.avx512bw && features.avx512dq && features.avx512vl;
  return avx512 ? Isa::avx512 : Isa::avx2;
}

Isa choose_isa(IsaChoice choice, const CpuFeatures& features) {
  const Isa best = best_isa_of(features);
  if (choice == IsaChoice::automatic) {
    return best;
  }
  const Isa wanted = choice == IsaChoice::avx512 ? Isa::avx512 : choice == IsaChoice::avx2 ? Isa::avx2 : Isa::portable;
  if (wanted > best) {
    fail(ErrorCode::unsupported, "knob isa (KILN_ISA) asks for {}, but the best that this CPU ({}) has is {}",
         isa_name(wanted), cpu_name(), isa_name(best));
  }
  return wanted;
}

Isa best_isa() { return choose_isa(isa_knob.get(), cpu_features()); }

namespace {

std::optional<double> quota_v2(const std::string& folder) {
  std::istringstream words(first_line(folder + "/cpu.max").value_or(""));
  double quota = 0, period = 0;
  if (words >> quota >> period && quota > 0 && period > 0) {
    return quota / period;
  }
  return std::nullopt;  // "max" is no number
}

std::optional<double> quota_v1(const std::string& folder) {
  std::istringstream quota_text(first_line(folder + "/cpu.cfs_quota_us").value_or(""));
  std::istringstream period_text(first_line(folder + "/cpu.cfs_period_us").value_or(""));
  double quota = 0, period = 0;
  if (quota_text >> quota && period_text >> period && quota > 0 && period > 0) {
    return quota / period;
  }
  return std::nullopt;  // -1 means unlimited
}

/// The least quota of a cgroup and its parents. In a container the group's own path often does not exist below the
/// mount, but its parents' end, the mount itself, then is the group.
template <class Read>
void take_least(std::optional<double>& least, const std::string& mount, std::string group, Read&& read) {
  for (;;) {
    while (group.ends_with('/')) {
      group.pop_back();
    }
    if (const std::optional<double> quota = read(mount + group)) {
      least = std::min(least.value_or(*quota), *quota);
    }
    if (group.empty()) {
      return;
    }
    group.resize(group.find_last_of('/') == std::string::npos ? 0 : group.find_last_of('/'));
  }
}

bool has_word(const std::string& list, std::string_view word) {
  std::istringstream words(list);
  for (std::string item; std::getline(words, item, ',');) {
    if (item == word) {
      return true;
    }
  }
  return false;
}

std::vector<int> allowed_cpus() {
  // The kernel refuses a mask shorter than its own, whose size it does not tell.
  for (int size = 1024; size <= 1 << 20; size *= 2) {
    std::vector<unsigned char> mask(static_cast<size_t>(size) / 8);
    auto* set = reinterpret_cast<cpu_set_t*>(mask.data());
    if (::sched_getaffinity(0, mask.size(), set) != 0) {
      continue;
    }
    std::vector<int> cpus;
    for (int cpu = 0; cpu < size; ++cpu) {
      if (CPU_ISSET_S(cpu, mask.size(), set)) {
        cpus.push_back(cpu);
      }
    }
    return cpus;
  }
  return {};
}

}  // namespace

std::optional<double> read_cgroup_quota(const std::string& root) {
  std::optional<double> least;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/group" in v2, "4:cpu,cpuacct:/group" in v1.
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        take_least(least, root + mount, group, quota_v2);
      }
    } else if (has_word(controllers, "cpu")) {
      for (const std::string& mount : {std::string("cpu"), controllers}) {
        take_least(least, root + "/sys/fs/cgroup/" + mount, group, quota_v1);
      }
    }
  }
  return least;
}

UsableCores read_usable_cores(const std::string& root) {
  const std::vector<int> cpus = allowed_cpus();
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    const std::string topology = fmt::format("{}/sys/devices/system/cpu/cpu{}/topology/", root, cpu);
    const std::optional<std::string> siblings = first_line(topology + "thread_siblings_list");
    cores.insert(siblings.value_or(std::to_string(cpu)));
  }
  UsableCores usable;
  usable.count = std::max(1, static_cast<int>(cores.size()));
  usable.why = fmt::format("{} CPUs by affinity, on {} cores", cpus.size(), usable.count);
  if (const std::optional<double> quota = read_cgroup_quota(root)) {
    // Rounded down: a thread more than the quota pays for gets all of them stopped at once.
    usable.count = std::min<int>(usable.count, std::max(1, static_cast<int>(std::min(std::floor(*quota), 1e6))));
    usable.why += fmt::format("; cgroup quota of {} CPUs", *quota);
  }
  return usable;
}

}  // namespace kiln
