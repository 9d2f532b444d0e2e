#include "backends/onednn/onednn.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <bit>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln::onednn {
namespace {

/// Those of the OpenMP that oneDNN is bound to, whichever library has it.
struct OpenMp {
  int (*most_threads)() = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
  void (*set_threads)(int) = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_DEFAULT, "omp_set_num_threads"));

  bool is_there() const { return most_threads != nullptr && set_threads != nullptr; }
};
const OpenMp& openmp() {
  static const OpenMp found;
  return found;
}

/// The instruction set of Kiln's whose layouts go with what oneDNN makes code for.
Isa isa_of(dnnl::cpu_isa instructions) {
  switch (instructions) {
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni: return Isa::avx2;
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx: return Isa::avx512;
    default: return Isa::portable;
  }
}

const char* name_of(dnnl::cpu_isa instructions) {
  switch (instructions) {
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return "less than avx2";
  }
}

Library find_library() {
  Library found;
  const dnnl_version_t& version = *dnnl_version();
  found.version = version.major * 10000 + version.minor * 100 + version.patch;
  if (version.major != DNNL_VERSION_MAJOR) {
    found.why_not = fmt::format("oneDNN is {}.{}, and {} is needed", version.major, version.minor, DNNL_VERSION_MAJOR);
    return found;
  }
  if (version.cpu_runtime != DNNL_RUNTIME_SEQ && (version.cpu_runtime != DNNL_RUNTIME_OMP || !openmp().is_there())) {
    found.why_not = "this oneDNN has threads of its own that cannot be switched off";
    return found;
  }
  // Refused where the process has used oneDNN before: then it stays as it is.
  if (best_isa() == Isa::avx2) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
  const dnnl::cpu_isa instructions = dnnl::get_effective_cpu_isa();
  found.instructions = static_cast<int32_t>(instructions);
  found.isa = isa_of(instructions);
  found.text = fmt::format("oneDNN {}.{}.{}, {}", version.major, version.minor, version.patch, name_of(instructions));
  if (found.isa == Isa::portable) found.why_not = "oneDNN finds no AVX2 on this CPU";
  return found;
}

/// One for all: a CPU's keeps nothing.
const dnnl::stream& cpu_stream() {
  static const dnnl::stream stream(cpu_engine());
  return stream;
}

constexpr int most_axes = 6, most_blocks = 4, bits_of_block = 8;

}  // namespace

const Library& library() {
  static const Library found = find_library();
  return found;
}

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

OneThread::OneThread() : before_(openmp().is_there() ? openmp().most_threads() : 1) {
  if (before_ != 1) openmp().set_threads(1);
}
OneThread::~OneThread() {
  if (before_ != 1) openmp().set_threads(before_);
}

Call::Call(dnnl::primitive primitive, const std::vector<std::pair<int, Descriptor>>& arguments)
    : primitive_(std::move(primitive)) {
  cpu_stream();  // made here, where it may fail
  for (const auto& [number, descriptor] : arguments) {
    memories_.emplace_back(descriptor, cpu_engine(), nullptr);
    arguments_.push_back({number, memories_.back().get()});
  }
}

bool Call::run(std::initializer_list<const void*> addresses) const noexcept {
  size_t i = 0;
  for (const void* address : addresses) {
    dnnl_memory_t const memory = arguments_[i++].memory;
    void* before = nullptr;
    if (dnnl_memory_get_data_handle(memory, &before) != dnnl_success) return false;
    if (before != address && dnnl_memory_set_data_handle(memory, const_cast<void*>(address)) != dnnl_success) {
      return false;
    }
  }
  const OneThread alone;
  return dnnl_primitive_execute(primitive_.get(), cpu_stream().get(), static_cast<int>(arguments_.size()),
                                arguments_.data()) == dnnl_success;
}

bool WeightsLayout::of(const Descriptor& descriptor, WeightsLayout& layout) {
  const dnnl_memory_desc_t& d = descriptor.data;
  if (d.format_kind != dnnl_blocked || d.ndims > most_axes || d.extra.flags != dnnl_memory_extra_flag_none) {
    return false;
  }
  const dnnl_blocking_desc_t& blocking = d.format_desc.blocking;
  if (blocking.inner_nblks > most_blocks) return false;
  layout = {};
  uint32_t blocks = 0;
  for (int i = 0; i < blocking.inner_nblks; ++i) {
    const auto size = static_cast<uint64_t>(blocking.inner_blks[i]);
    if (!std::has_single_bit(size) || size > 4096) return false;
    const auto axis = static_cast<uint32_t>(blocking.inner_idxs[i]);
    blocks |= ((axis + 1) << 4 | static_cast<uint32_t>(std::countr_zero(size))) << (bits_of_block * i);
  }
  layout.blocks = static_cast<int32_t>(blocks);
  std::vector<int> axes(static_cast<size_t>(d.ndims));
  for (int i = 0; i < d.ndims; ++i) axes[static_cast<size_t>(i)] = i;
  std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return blocking.strides[a] > blocking.strides[b]; });
  for (size_t i = 0; i < axes.size(); ++i) layout.order |= axes[i] << (4 * i);
  return true;
}

Descriptor WeightsLayout::descriptor(const Dims& dims) const {
  dnnl_memory_desc_t d{};
  d.ndims = static_cast<int>(dims.size());
  d.data_type = dnnl_f32;
  d.format_kind = dnnl_blocked;
  std::copy(dims.begin(), dims.end(), d.dims);
  std::copy(dims.begin(), dims.end(), d.padded_dims);
  dnnl_blocking_desc_t& blocking = d.format_desc.blocking;
  Dims outer = dims;
  int64_t step = 1;
  const auto bits = static_cast<uint32_t>(blocks);
  for (int i = 0; i < most_blocks && (bits >> (bits_of_block * i) & 0xff) != 0; ++i) {
    const uint32_t block = bits >> (bits_of_block * i) & 0xff;
    const size_t axis = (block >> 4) - 1;
    const int64_t size = int64_t{1} << (block & 15);
    if (axis >= dims.size() || outer[axis] % size != 0) {
      fail(ErrorCode::unsupported, "weights of {} cannot lie in blocks of {} along axis {}",
           to_string(Shape(dims.begin(), dims.end())), size, axis);
    }
    outer[axis] /= size, step *= size;
    blocking.inner_blks[i] = size, blocking.inner_idxs[i] = static_cast<int64_t>(axis);
    blocking.inner_nblks = i + 1;
  }
  uint32_t seen = 0;
  for (size_t i = dims.size(); i-- > 0;) {
    const size_t axis = static_cast<size_t>(order) >> (4 * i) & 15;
    if (axis >= dims.size() || (seen >> axis & 1) != 0) {
      fail(ErrorCode::unsupported, "{:#x} is no order of {} axes", order, dims.size());
    }
    seen |= 1u << axis;
    blocking.strides[axis] = step;
    step *= outer[axis];
  }
  return Descriptor(d);
}

std::string WeightsLayout::text() const {
  std::string text;
  const auto bits = static_cast<uint32_t>(blocks);
  const auto is_blocked = [&](uint32_t axis) {
    for (int i = 0; i < most_blocks; ++i) {
      if ((bits >> (bits_of_block * i + 4) & 15) == axis + 1) return true;
    }
    return false;
  };
  uint32_t seen = 0;
  for (int i = 0; i < most_axes; ++i) {
    const uint32_t axis = static_cast<uint32_t>(order) >> (4 * i) & 15;
    if ((seen >> axis & 1) != 0) break;
    seen |= 1u << axis;
    text += static_cast<char>((is_blocked(axis) ? 'A' : 'a') + axis);
  }
  for (int i = 0; i < most_blocks; ++i) {
    const uint32_t block = bits >> (bits_of_block * i) & 0xff;
    if (block != 0) text += fmt::format("{}{}", 1 << (block & 15), static_cast<char>('a' + (block >> 4) - 1));
  }
  return text;
}

bool is_slow(const std::string& implementation) { return implementation.find("ref") != std::string::npos; }

int64_t floats_of(const Descriptor& descriptor) { return static_cast<int64_t>(descriptor.get_size() / sizeof(float)); }

}  // namespace kiln::onednn
