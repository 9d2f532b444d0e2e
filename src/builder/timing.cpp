#include "builder/timing.hpp"

#include <algorithm>
#include <limits>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/timer.hpp"
#include "runtime/copy_work.hpp"
#include "runtime/schedule.hpp"

namespace kiln {
namespace {

size_t rounded(size_t bytes) { return (bytes + 127) / 64 * 64; }

/// How tensors lie in a typical network: with a halo of 1 where the next layer may want it.
TensorLayout typical_layout(const TensorSpec& spec, Format format, Isa isa, Halo halo) {
  TensorLayout layout;
  layout.format = format;
  if (format == Format::blocked) layout.blocked = blocked_layout(spec.shape, isa, halo);
  return layout;
}

size_t bytes_of(const TensorSpec& spec, const TensorLayout& layout) {
  if (!spec.is_given()) return 0;
  if (layout.format == Format::blocked) return static_cast<size_t>(layout.blocked.floats()) * sizeof(float);
  return static_cast<size_t>(tensor_bytes(spec));
}

Layouts typical_layouts(const Problem& problem, const Candidate& candidate) {
  Layouts layouts;
  const auto is_image = [](const TensorSpec& spec) {
    return spec.shape.size() == 4 && spec.shape[2] > 1 && spec.shape[3] > 1;
  };
  const Halo out_halo = is_image(problem.outputs[0]) ? 1 : 0;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const bool packed = i < 32 && (candidate.tactic->packs >> i & 1) != 0;
    const Format format = packed ? Format::plain : candidate.formats.inputs[i];
    Halo halo;
    if (format == Format::blocked) {
      if (candidate.tactic->halo != nullptr) halo = candidate.tactic->halo(problem, i);
      // A residual lies as the output does.
      if (problem.inputs[i].shape == problem.outputs[0].shape) halo = larger(halo, out_halo);
    }
    layouts.inputs.push_back(typical_layout(problem.inputs[i], format, problem.isa, halo));
  }
  Halo halo = out_halo;
  if (problem.group->residual >= 0) halo = layouts.inputs[static_cast<size_t>(problem.group->residual)].blocked.halo;
  for (size_t i = 0; i < problem.outputs.size(); ++i) {
    layouts.outputs.push_back(typical_layout(problem.outputs[i], candidate.formats.outputs[i], problem.isa,
                                             i == 0 ? larger(halo, out_halo) : out_halo));
  }
  return layouts;
}

/// The input whose place the output takes; -1 for none.
int place_of_output(const Problem& problem, const Tactic& tactic, const Layouts& layouts) {
  if (tactic.in_place == nullptr || problem.outputs.size() != 1) return -1;
  const uint32_t mask = tactic.in_place(problem);
  for (size_t i = 0; i < problem.inputs.size() && i < 32; ++i) {
    const TensorLayout &in = layouts.inputs[i], &out = layouts.outputs[0];
    const bool alike = in.format == out.format && (in.format == Format::plain || in.blocked == out.blocked);
    if ((mask >> i & 1) != 0 && problem.inputs[i].is_given() && problem.inputs[i].constant == nullptr && alike) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace

std::byte* TimingMemory::at_least(size_t bytes) {
  if (bytes > bytes_) {
    memory_.reset();
    bytes_ = 0;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(64, rounded(bytes))));
    if (!memory_) fail(ErrorCode::out_of_memory, "cannot allocate {} bytes to time kernels in", bytes);
    bytes_ = rounded(bytes);
    auto* const floats = reinterpret_cast<float*>(memory_.get());
    for (size_t i = 0; i < bytes_ / sizeof(float); ++i) floats[i] = static_cast<float>(i % 61) / 256 - 0.1f;
  }
  return memory_.get();
}

Stopwatch::Stopwatch(Team& team, int threads, bool far_weights) : team_(team), threads_(threads) {
  const CacheSizes& caches = cache_sizes();
  constexpr int64_t most = int64_t{256} << 20;
  weight_bytes_ =
      rounded(static_cast<size_t>(std::clamp(far_weights ? caches.l3 * 3 : caches.l2 * threads * 3, caches.l2, most)));
}

void Stopwatch::refresh(const std::vector<Memory>& inputs) {
  team_.run(threads_, [&](int part) {
    for (const Memory& memory : inputs) {
      if (!memory.refreshed) continue;
      const size_t count = memory.bytes / sizeof(float), size = static_cast<size_t>(threads_);
      auto* const floats = reinterpret_cast<float*>(memory.at);
      const size_t begin = count * static_cast<size_t>(part) / size,
                   end = count * (static_cast<size_t>(part) + 1) / size;
      for (size_t i = begin; i < end; ++i) floats[i] = static_cast<float>(i & 63) / 256 - 0.1f;
    }
  });
}

double Stopwatch::repeat(const Work& work, WorkPointers pointers, int parts, size_t packed_bytes,
                         const std::vector<Memory>& inputs, double seconds, double give_up) {
  // Each run has weights of its own, which have not been used for so long that they are cold.
  const std::byte* const weights = packed_bytes == 0 ? nullptr : weights_.at_least(weight_bytes_ + packed_bytes);
  const auto run_once = [&] {
    refresh(inputs);
    if (weights != nullptr) {
      pointers.packed = reinterpret_cast<const float*>(weights + weight_place_);
      weight_place_ += rounded(packed_bytes);
      if (weight_place_ > weight_bytes_) weight_place_ = 0;
    }
    const Timer timer;
    for (int64_t phase = 0; phase < work.phases(); ++phase) {
      if (parts == 1) {
        work.run_part(phase, 0, 1, pointers);
      } else {
        team_.run(parts, [&](int part) { work.run_part(phase, part, parts, pointers); });
      }
    }
    return timer.seconds();
  };
  const Timer timer;
  run_once();
  std::vector<double> times;
  while (times.size() < 3 || (times.size() < 200 && timer.seconds() < seconds)) {
    times.push_back(run_once());
    if (times.size() == 2 && std::min(times[0], times[1]) > give_up) break;
  }
  // Others use the machine too, and only ever make a run slower: the quiet runs are nearer to the truth.
  const auto quiet = times.begin() + static_cast<ptrdiff_t>(times.size() / 10);
  std::nth_element(times.begin(), quiet, times.end());
  return *quiet;
}

double Stopwatch::measure(const Problem& problem, const Candidate& candidate, double seconds, double give_up) {
  const Tactic& tactic = *candidate.tactic;
  const Layouts layouts = typical_layouts(problem, candidate);
  std::unique_ptr<Work> work;
  try {
    work = tactic.prepare(problem, layouts, candidate.tuning);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    return -1;
  }
  const int parts = std::min(parts_for(tactic.cost(problem, candidate.tuning), threads_), Team::most_parts);
  const int place = place_of_output(problem, tactic, layouts);
  std::vector<size_t> in_bytes, out_bytes;
  size_t all = 0;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    in_bytes.push_back(bytes_of(problem.inputs[i], layouts.inputs[i]));
    all += rounded(in_bytes.back());
  }
  for (size_t i = 0; i < problem.outputs.size(); ++i) {
    out_bytes.push_back(bytes_of(problem.outputs[i], layouts.outputs[i]));
    all += rounded(out_bytes.back());
  }
  const auto scratch_bytes = static_cast<size_t>(work->scratch_floats(parts)) * sizeof(float);
  std::byte* at = activations_.at_least(all + rounded(scratch_bytes));
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  std::vector<Memory> written;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorSpec& spec = problem.inputs[i];
    const bool packed = i < 32 && (tactic.packs >> i & 1) != 0;
    const bool as_is =
        spec.constant != nullptr && spec.constant->is_aligned() && layouts.inputs[i].format == Format::plain;
    inputs.push_back(!spec.is_given() || packed ? nullptr : as_is ? spec.constant->raw() : at);
    if (inputs.back() == at) {
      // Numbers that are no f32 may be indices or truths: all zero is always allowed.
      if (!is_f32(spec)) std::fill(at, at + in_bytes[i], std::byte{0});
      written.push_back({at, in_bytes[i], is_f32(spec)});
    }
    at += rounded(in_bytes[i]);
  }
  for (size_t i = 0; i < problem.outputs.size(); ++i) {
    outputs.push_back(!problem.outputs[i].is_given() ? nullptr
                      : i == 0 && place >= 0         ? const_cast<void*>(inputs[static_cast<size_t>(place)])
                                                     : at);
    at += rounded(out_bytes[i]);
  }
  const auto packed_bytes =
      tactic.packed_floats ? static_cast<size_t>(tactic.packed_floats(problem, candidate.tuning)) * sizeof(float) : 0;
  const WorkPointers pointers{inputs.data(), outputs.data(), nullptr, reinterpret_cast<float*>(at)};
  return repeat(*work, pointers, parts, packed_bytes, written, seconds, give_up);
}

double Stopwatch::measure_copy(const Shape& shape, Isa isa, Format from, double seconds) {
  const TensorSpec spec{DType::f32, shape};
  const TensorLayout plain = typical_layout(spec, Format::plain, isa, 0);
  const TensorLayout blocked = typical_layout(spec, Format::blocked, isa, 1);
  const TensorLayout &in = from == Format::plain ? plain : blocked, &out = from == Format::plain ? blocked : plain;
  const std::unique_ptr<Work> work = copy_work(in, out, spec);
  const size_t in_bytes = bytes_of(spec, in), out_bytes = bytes_of(spec, out);
  std::byte* const memory = activations_.at_least(rounded(in_bytes) + rounded(out_bytes));
  const void* const inputs[] = {memory};
  void* const outputs[] = {memory + rounded(in_bytes)};
  const WorkPointers pointers{inputs, outputs, nullptr, nullptr};
  return repeat(*work, pointers, threads_, 0, {{memory, in_bytes, true}}, seconds,
                std::numeric_limits<double>::infinity());
}

}  // namespace kiln
