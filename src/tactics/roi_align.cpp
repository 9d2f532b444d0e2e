#include "kernels/pool/roi_align.hpp"

#include "tactics/kernel_work.hpp"
#include "tactics/row_problem.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

RoiAlignProblem region_problem(const Problem& p) {
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  return {x[0], x[1], x[2], x[3], y[0], y[2], y[3], ops::RoiAlignment::read(p.view())};
}

std::string decline_roi_align(const Problem& p) {
  if (std::string why = decline_row_problem(p); !why.empty()) return why;
  const Shape &x = p.inputs[0].shape, &rois = p.inputs[1].shape;
  if (x.size() != 4 || rois.size() != 2 || rois[1] != 4 || p.inputs[2].shape != Shape{rois[0]}) {
    return "shapes that do not fit";
  }
  const RoiAlignProblem problem = region_problem(p);
  if (problem.how.ratio < 0 || problem.how.ratio > ops::RoiAlignment::most_ratio)
    return "a sampling ratio out of range";
  return RoiAlign::can_do(problem) ? "" : "bins or images too large for tables of weights";
}

/// Each sample weighs four elements. Where the regions' sizes say how many samples there are, four for each bin.
double roi_align_cost(const Problem& p, const Tuning&) {
  const auto ratio = static_cast<double>(p.view().attr_int("sampling_ratio"));
  const double samples = ratio > 0 ? ratio * ratio : 4;
  return memory_seconds(bytes_moved(p)) +
         arithmetic_seconds(static_cast<double>(element_count(p.outputs[0].shape)) * samples * 4, Isa::portable, 0.5);
}

class RoiAlignWork final : public Work {
 public:
  explicit RoiAlignWork(const RoiAlignProblem& problem) : kernel_(problem) {}
  std::string name() const override { return kernel_.name(); }
  int64_t scratch_floats(int64_t parts) const override { return kernel_.scratch_floats(parts); }
  bool checks() const override { return true; }
  void check(const WorkPointers& p) const override { kernel_.check(input_floats(p, 1), images(p)); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const RoiAlignPointers pointers{input_floats(p, 0), input_floats(p, 1), images(p), output_floats(p, 0)};
    kernel_.run_part(phase, part, parts, pointers, p.scratch);
  }

 private:
  static const int64_t* images(const WorkPointers& p) { return static_cast<const int64_t*>(p.inputs[2]); }

  RoiAlign kernel_;
};

std::unique_ptr<Work> prepare_roi_align(const Problem& p, const Layouts&, const Tuning&) {
  return std::make_unique<RoiAlignWork>(region_problem(p));
}

}  // namespace

namespace tactics {

constinit const Tactic roi_align{
    .name = "roi_align",
    .declines = decline_roi_align,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = roi_align_cost,
    .prepare = prepare_roi_align,
};

}  // namespace tactics
}  // namespace kiln
