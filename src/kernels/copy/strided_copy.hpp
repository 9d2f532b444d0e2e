#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/copy/copy_table.hpp"

namespace kiln {

/// One dimension of a box of elements: its extent, and how many elements apart its items lie where they come from and
/// where they go to.
struct CopyDim {
  int64_t extent, from, to;
};

/// copy_strided: a box of elements from anywhere to anywhere. Sources may overlap (a stride of 0 repeats); no two
/// elements may have the same destination.
class StridedCopy {
 public:
  /// `from_start` and `to_start` are the first element's places, in elements.
  StridedCopy(int64_t element_bytes, std::vector<CopyDim> dims, int64_t from_start, int64_t to_start, Isa isa);

  /// The copy's bytes.
  int64_t bytes() const { return bytes_; }
  void run_part(int64_t part, int64_t parts, const void* from, void* to) const;

 private:
  struct Range {
    size_t dim;
    int64_t begin, end;
  };
  Range share(int64_t part, int64_t parts) const;
  void walk(size_t level, const Range& range, const char* from, char* to) const;
  void plan(int64_t element_bytes, std::vector<CopyDim> dims);

  Isa isa_;
  int64_t bytes_ = 0, from_start_ = 0, to_start_ = 0;
  std::vector<CopyDim> dims_;   ///< strides in bytes, the outermost loop first; the last two are the function's
  int64_t grains_[2] = {1, 1};  ///< what the last two are best divided by
  /// Of the loop around the function's two: as many turns of it are done for each turn of the loop within. 0: one.
  int64_t turns_ = 0;
  CopyFunction function_ = nullptr;
};

}  // namespace kiln
