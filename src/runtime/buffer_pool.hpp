#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "kiln/tensor.hpp"

namespace kiln {

/// Gives a freed tensor's memory to the next tensor that fits in it. What a run leaves behind is kept for the next
/// run, and never more than one run needed at its peak; trim() gives it back to the system. Tensors may outlive the
/// pool and may be freed by any thread.
class BufferPool {
 public:
  BufferPool();
  Tensor allocate(DType dtype, Shape shape);
  /// To be called after each run: drops what is kept beyond the most that was in use since the last call.
  void settle();
  void trim();
  size_t bytes_kept() const;  ///< free, waiting for the next tensor
  size_t bytes_used() const;  ///< held by living tensors

 private:
  struct Store;
  std::shared_ptr<Store> store_;
};

}  // namespace kiln
