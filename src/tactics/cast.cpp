#include <fmt/format.h>

#include "base/cpu.hpp"
#include "kernels/copy/cast.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

class CastWork final : public Work {
 public:
  explicit CastWork(const Problem& p)
      : name_(fmt::format("copy_cast_{}_{}_{}", dtype_name(p.inputs[0].dtype), dtype_name(p.outputs[0].dtype),
                          isa_name(p.isa))),
        cast_(p.inputs[0].dtype, p.outputs[0].dtype, element_count(p.outputs[0].shape), p.isa) {}
  std::string name() const override { return name_; }
  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    cast_.run_part(part, parts, p.inputs[0], p.outputs[0]);
  }

 private:
  std::string name_;
  Cast cast_;
};

std::string declines(const Problem& p) {
  if (p.nodes.size() != 1) return "something fused to it";
  const DType from = p.inputs[0].dtype, to = p.outputs[0].dtype;
  return Cast::can(from, to) ? "" : fmt::format("no fast loop from {} to {}", dtype_name(from), dtype_name(to));
}

}  // namespace

namespace tactics {

constinit const Tactic cast_loops{
    .name = "cast_loops",
    .declines = declines,
    .formats = plain_only,
    .tunings = [](const Problem&) { return std::vector<Tuning>(1); },
    .cost = [](const Problem& p, const Tuning&) { return memory_seconds(bytes_moved(p)); },
    .prepare = [](const Problem& p, const Layouts&, const Tuning&) -> std::unique_ptr<Work> {
      return std::make_unique<CastWork>(p);
    },
};

}  // namespace tactics
}  // namespace kiln
