#pragma once

#include "kernels/copy/cast_table.hpp"
#include "kiln/dtype.hpp"

namespace kiln {

/// copy_cast: elements of one type as another, with the results of the reference code.
class Cast {
 public:
  /// Fails with Error(unsupported) for a pair of types that has no fast loop.
  Cast(DType from, DType to, int64_t count, Isa isa);
  static bool can(DType from, DType to);

  void run_part(int64_t part, int64_t parts, const void* from, void* to) const;

 private:
  int64_t from_bytes_, to_bytes_, count_;
  CastFunction loop_;
};

}  // namespace kiln
