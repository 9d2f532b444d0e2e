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

/// Rows that lie apart, put together.
class RowCopy final : public Work {
 public:
  RowCopy(int64_t rows, int64_t row_bytes, int64_t step_bytes) : rows_(rows), row_(row_bytes), step_(step_bytes) {}
  std::string name() const override { return "copy_rows"; }
  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const auto [begin, end] = part_range(rows_, part, parts);
    const auto* from = static_cast<const char*>(p.inputs[0]);
    auto* to = static_cast<char*>(p.outputs[0]);
    for (int64_t i = begin; i < end; ++i) std::memcpy(to + i * row_, from + i * step_, static_cast<size_t>(row_));
  }

 private:
  int64_t rows_, row_, step_;
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

std::unique_ptr<Work> copy_work(const TensorLayout& from, const TensorLayout& to, const TensorSpec& tensor) {
  const auto size = static_cast<int64_t>(dtype_size(tensor.dtype));
  const int64_t count = element_count(tensor.shape);
  if (from.row != 0) {
    const int64_t row = tensor.shape.back();
    return std::make_unique<RowCopy>(count / row, row * size, from.row * size);
  }
  if (from.format == Format::plain && to.format == Format::plain) return std::make_unique<PlainCopy>(count * size);
  return std::make_unique<Reorder>(from, to);
}

}  // namespace kiln
