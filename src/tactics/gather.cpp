#include <algorithm>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/copy/gather.hpp"
#include "ops/support/axes.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

bool is_index(const TensorSpec& spec) { return spec.dtype == DType::i32 || spec.dtype == DType::i64; }

size_t axis_of(const Problem& p) {
  return static_cast<size_t>(
      ops::normalize_axis(p.view().attr_int("axis"), static_cast<int64_t>(p.inputs[0].shape.size())));
}

std::string decline_common(const Problem& p) {
  if (p.nodes.size() != 1) return "something fused to it";
  if (p.inputs[0].dtype == DType::string) return "strings";
  return is_index(p.inputs[1]) ? "" : "indices that are not i32 or i64";
}

/// A gathering kernel as a work. Constant indices were looked at when the tactic was asked.
template <class Kernel>
class GatherWork final : public Work {
 public:
  GatherWork(const char* name, const Problem& p, const Kernel& kernel)
      : name_(name),
        kernel_(kernel),
        extent_(p.inputs[0].shape[axis_of(p)]),
        is_wide_(p.inputs[1].dtype == DType::i64),
        checks_(p.inputs[1].constant == nullptr) {}

  std::string name() const override { return name_; }
  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    kernel_.run_part(part, parts, p.inputs[0], p.inputs[1], p.outputs[0]);
  }
  bool checks() const override { return checks_; }
  void check(const WorkPointers& p) const override {
    const void* const indices = p.inputs[1];
    const int64_t bad = kernel_.find_bad(indices);
    if (bad < 0) return;
    // Fails, as the reference code does.
    ops::checked_index(is_wide_ ? static_cast<const int64_t*>(indices)[bad] : static_cast<const int32_t*>(indices)[bad],
                       extent_);
  }

 private:
  const char* name_;
  Kernel kernel_;
  int64_t extent_;
  bool is_wide_, checks_;
};

Gather gather_kernel(const Problem& p) {
  const Shape& shape = p.inputs[0].shape;
  const auto axis = static_cast<int64_t>(axis_of(p));
  const int64_t inner = ops::product(shape, axis + 1, static_cast<int64_t>(shape.size()));
  return Gather({ops::product(shape, 0, axis), shape[static_cast<size_t>(axis)], ops::product(p.inputs[1].shape),
                 inner * static_cast<int64_t>(dtype_size(p.inputs[0].dtype))},
                static_cast<int64_t>(dtype_size(p.inputs[1].dtype)));
}

GatherElements elements_kernel(const Problem& p) {
  const Shape &shape = p.inputs[0].shape, &indices = p.inputs[1].shape;
  const auto axis = static_cast<int64_t>(axis_of(p));
  const int64_t inner = ops::product(shape, axis + 1, static_cast<int64_t>(shape.size()));
  return GatherElements(
      {ops::product(shape, 0, axis), shape[static_cast<size_t>(axis)], indices[static_cast<size_t>(axis)], inner},
      static_cast<int64_t>(dtype_size(p.inputs[0].dtype)), static_cast<int64_t>(dtype_size(p.inputs[1].dtype)));
}

template <class Kernel>
std::string decline_constant(const Problem& p, const Kernel& kernel) {
  const Tensor* indices = p.inputs[1].constant;
  return indices != nullptr && kernel.find_bad(indices->raw()) >= 0 ? "an index out of range" : "";
}

std::string decline_gather(const Problem& p) {
  if (std::string why = decline_common(p); !why.empty()) return why;
  return decline_constant(p, gather_kernel(p));
}

std::string decline_elements(const Problem& p) {
  if (std::string why = decline_common(p); !why.empty()) return why;
  if (dtype_size(p.inputs[0].dtype) > 8) return "elements of 16 bytes";
  const Shape &shape = p.inputs[0].shape, &indices = p.inputs[1].shape;
  if (shape.size() != indices.size()) return "indices of another rank";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i != axis_of(p) && shape[i] != indices[i]) return "indices of another shape";
  }
  return decline_constant(p, elements_kernel(p));
}

std::vector<Tuning> no_tuning(const Problem&) { return std::vector<Tuning>(1); }

/// Of the data only what is picked is read.
double gather_cost(const Problem& p, const Tuning&) {
  const double picked = static_cast<double>(element_count(p.outputs[0].shape));
  const double indices = static_cast<double>(element_count(p.inputs[1].shape));
  return memory_seconds(2 * picked * static_cast<double>(dtype_size(p.outputs[0].dtype)) + 8 * indices) +
         1e-9 * indices;
}

std::unique_ptr<Work> prepare_gather(const Problem& p, const Layouts&, const Tuning&) {
  return std::make_unique<GatherWork<Gather>>("copy_gather", p, gather_kernel(p));
}
std::unique_ptr<Work> prepare_elements(const Problem& p, const Layouts&, const Tuning&) {
  return std::make_unique<GatherWork<GatherElements>>("copy_gather_elements", p, elements_kernel(p));
}

}  // namespace

namespace tactics {

constinit const Tactic gather_rows{
    .name = "gather_rows",
    .declines = decline_gather,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = gather_cost,
    .prepare = prepare_gather,
};
constinit const Tactic gather_elements{
    .name = "gather_elements",
    .declines = decline_elements,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = gather_cost,
    .prepare = prepare_elements,
};

}  // namespace tactics
}  // namespace kiln
