#pragma once

#include <string>
#include <vector>

#include "kernels/layout.hpp"
#include "kernels/pool/pool_table.hpp"

namespace kiln {

enum class PoolKind : uint8_t { max, mean };

/// Pooling over height and width. How many windows there are is the output's size.
struct PoolProblem {
  PoolKind kind = PoolKind::max;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  bool count_include_pad = false;  ///< a mean is of the padded window; the pads at the end matter to this only
};

struct PoolPointers {
  const float* in;
  float* out;
};

/// pool_f32: MaxPool and AveragePool between blocked tensors. The input's halo is not read.
class Pool {
 public:
  Pool(const PoolProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const PoolPointers& p, float* scratch) const;

 private:
  struct Span {
    int64_t first;   ///< the first pixel that the window covers
    int64_t count;   ///< how many it covers
    int64_t padded;  ///< how many of it there are with the pads
  };
  static std::vector<Span> spans(int64_t windows, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad_begin,
                                 int64_t pad_end, int64_t size);
  void run_row(const float* in, float* out, const Span& row, int64_t used) const;
  void run_whole_row(const float* in, float* out, const Span& row, int64_t used) const;
  void run_pixels(const float* in, float* out, const Span& row, int64_t begin, int64_t end, int64_t used) const;
  float share_of(const Span& span) const;
  void fill_uncovered(float* out, int64_t used, bool padded) const;
  void settle_max(const float* in, float* out, const Span& row, const Span& column, int64_t used) const;

  PoolProblem problem_;
  BlockedLayout in_, out_;
  Isa isa_;
  std::vector<Span> rows_, columns_;
  int64_t inner_begin_, inner_end_;  ///< the columns whose windows lie inside
  PoolFunction any_;
  PoolRowFunction whole_row_ = nullptr;  ///< null where no function does all windows of a row
  std::vector<float> factors_;           ///< of each column's sums
};

/// pool_f32_global: the mean or maximum of each channel, from a blocked tensor to a blocked one of 1 x 1 or to a plain
/// [N, C]. A NaN makes the result NaN.
class GlobalPool {
 public:
  GlobalPool(PoolKind kind, const BlockedLayout& in, const BlockedLayout& out, Isa isa);
  GlobalPool(PoolKind kind, const BlockedLayout& in, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const PoolPointers& p, float* scratch) const;

 private:
  BlockedLayout in_, out_;
  bool plain_;
  Isa isa_;
  GlobalPoolFunction function_;
};

/// pool_f32_row_sums: the sums of each row of one image (kernels/pool/row_sums.hpp), of which GlobalPool's means are
/// made.
class RowSumPool {
 public:
  RowSumPool(const BlockedLayout& in, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const PoolPointers& p, float* scratch) const;

 private:
  BlockedLayout in_;
  Isa isa_;
};

}  // namespace kiln
