#pragma once

#include <utility>

#include "tactics/tactic.hpp"

namespace kiln {

/// A kernel as a Work; `Pointers` makes the pointers that it takes.
template <class Kernel, class Pointers>
class KernelWork final : public Work {
 public:
  KernelWork(Kernel kernel, Pointers pointers) : kernel_(std::move(kernel)), pointers_(pointers) {}
  std::string name() const override { return kernel_.name(); }
  int64_t scratch_floats(int64_t parts) const override { return kernel_.scratch_floats(parts); }
  int64_t phases() const override { return kernel_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override {
    kernel_.run_part(phase, part, parts, pointers_(p), p.scratch);
  }

 private:
  Kernel kernel_;
  [[no_unique_address]] Pointers pointers_;
};

template <class Kernel, class Pointers>
std::unique_ptr<Work> kernel_work(Kernel kernel, Pointers pointers) {
  return std::make_unique<KernelWork<Kernel, Pointers>>(std::move(kernel), pointers);
}

/// An input or output of floats; null where it is left out.
inline const float* input_floats(const WorkPointers& p, size_t index) {
  return static_cast<const float*>(p.inputs[index]);
}
/// The residual that the epilogue adds; null for a group without one.
inline const float* residual_floats(const WorkPointers& p, int residual) {
  return residual < 0 ? nullptr : input_floats(p, static_cast<size_t>(residual));
}
inline float* output_floats(const WorkPointers& p, size_t index) { return static_cast<float*>(p.outputs[index]); }

}  // namespace kiln
