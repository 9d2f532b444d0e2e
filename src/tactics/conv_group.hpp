#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/tactic.hpp"

/// What the tactics of convolutions share.
namespace kiln {

/// The inputs that all of them pack.
inline constexpr uint32_t weights_and_bias = 0b110;

/// Why no tactic takes a convolution, or a transposed one; "" if one may.
std::string decline_conv(const Problem& p);
std::string decline_transposed(const Problem& p);

/// The window of a convolution over images, and the rest of its problem. Only for problems that were not declined.
ConvProblem conv_problem(const Problem& p);
ConvProblem transposed_problem(const Problem& p);

/// Everything blocked but the weights.
std::vector<Formats> blocked_formats(const Problem& p);

/// Pixels around the input that a direct kernel reads.
Halo conv_halo(const Problem& p, size_t input);
Halo transposed_halo(const Problem& p, size_t input);

std::optional<RowRule> conv_rows(const Problem& p, const Tuning& tuning);
std::optional<RowRule> transposed_rows(const Problem& p, const Tuning& tuning);

constexpr int64_t pad_to(int64_t count, int64_t block) { return divide_up(count, block) * block; }
/// Of all images.
double output_pixels(const Problem& p);
/// What the epilogue adds to a pass over the output.
double epilogue_seconds(const Problem& p);

/// Any of the convolutions as a Work.
template <class Kernel>
std::unique_ptr<Work> as_work(const Problem& p, Kernel kernel) {
  const bool means = p.outputs.size() > 1;
  return kernel_work(std::move(kernel), [residual = p.group->residual, means](const WorkPointers& w) -> ConvPointers {
    return {input_floats(w, 0), w.packed, output_floats(w, 0), residual_floats(w, residual),
            means ? output_floats(w, 1) : nullptr};
  });
}

inline const BlockedLayout& in_layout(const Layouts& layouts) { return layouts.inputs[0].blocked; }
inline const BlockedLayout& out_layout(const Layouts& layouts) { return layouts.outputs[0].blocked; }

/// Layouts to make a kernel with that only packs.
inline BlockedLayout packing_layout(const Shape& shape, const Problem& p, Halo halo) {
  return blocked_layout(shape, p.isa, halo);
}

template <class Kernel>
void pack_weights(const Problem& p, const Kernel& kernel, float* to) {
  kernel.pack(p.inputs[1].constant->data<float>(), p.has_input(2) ? p.inputs[2].constant->data<float>() : nullptr, to);
}

}  // namespace kiln
