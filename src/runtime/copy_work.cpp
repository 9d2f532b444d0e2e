#include "runtime/copy_work.hpp"

#include <cstring>

#include "kernels/reorder/reorder.hpp"

namespace kiln {
namespace {

class PlainCopy final : public Work {
 public:
  explicit PlainCopy(int64_t bytes) : bytes_(bytes) {}
  std::string name() const override { return "copy"; }
  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const auto [begin, end] = part_range(divide_up(bytes_, 64), part, parts);
    const int64_t last = std::min(end * 64, bytes_);
    if (last <= begin * 64) return;
    std::memcpy(static_cast<char*>(p.outputs[0]) + begin * 64, static_cast<const char*>(p.inputs[0]) + begin * 64,
                static_cast<size_t>(last - begin * 64));
  }

 private:
  int64_t bytes_;
};

class Reorder final : public Work {
 public:
  Reorder(const TensorLayout& from, const TensorLayout& to) : from_(from), to_(to) {}
  std::string name() const override {
    if (from_.format == Format::plain) return "reorder_to_blocked";
    return to_.format == Format::plain ? "reorder_to_plain" : "reorder_blocked";
  }
  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const auto* in = static_cast<const float*>(p.inputs[0]);
    auto* out = static_cast<float*>(p.outputs[0]);
    if (from_.format == Format::plain) {
      nchw_to_blocked(in, out, to_.blocked, part, parts);
    } else if (to_.format == Format::plain) {
      blocked_to_nchw(in, from_.blocked, out, part, parts);
    } else {
      blocked_to_blocked(in, from_.blocked, out, to_.blocked, part, parts);
    }
  }

 private:
  TensorLayout from_, to_;
};

}  // namespace

std::unique_ptr<Work> copy_work(const TensorLayout& from, const TensorLayout& to, int64_t bytes) {
  if (from.format == Format::plain && to.format == Format::plain) return std::make_unique<PlainCopy>(bytes);
  return std::make_unique<Reorder>(from, to);
}

}  // namespace kiln
