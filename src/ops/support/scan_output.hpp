#pragma once

#include "ops/context.hpp"

namespace kiln::ops {

/// Gathers what a loop's body gives turn by turn: tensors of one type and shape, copied into one growing buffer.
class ScanOutput {
 public:
  explicit ScanOutput(EvalHost& host) : host_(host) {}

  /// Fails when the element's type or shape is not that of the first one.
  void add(const Tensor& element);
  bool empty() const { return count_ == 0; }
  int64_t count() const { return count_; }
  /// All elements side by side along a new axis (may count from the end), the last one first when `reversed`.
  Tensor stack(int64_t axis, bool reversed) const;

 private:
  EvalHost& host_;
  Tensor buffer_;  ///< [capacity, element...]
  Shape element_;
  int64_t count_ = 0;
};

/// A scan output after no turn: the `outer` dims put before position `axis` of the element's shape, where a dim that
/// is not known counts 0. Fails when the element's type is not known.
Tensor empty_scan_output(const Type& element, const Shape& outer, int64_t axis);

/// The part of `tensor` at `index` of `axis`, copied; the axis is dropped.
Tensor slice_at(EvalHost& host, const Tensor& tensor, int64_t axis, int64_t index);

}  // namespace kiln::ops
