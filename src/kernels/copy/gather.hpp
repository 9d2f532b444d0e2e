#pragma once

#include <cstdint>

namespace kiln {

/// copy_gather: data [outer, extent, row] and indices [count] to [outer, count, row]. Negative indices count from the
/// end.
class Gather {
 public:
  struct Sizes {
    int64_t outer, extent, count;
    int64_t row_bytes;
  };
  Gather(const Sizes& sizes, int64_t index_bytes);

  /// The first index that is out of range, as its position; -1 if all may be used. Call it before a run.
  int64_t find_bad(const void* indices) const;
  void run_part(int64_t part, int64_t parts, const void* data, const void* indices, void* out) const;

 private:
  using Function = void (*)(const Sizes& sizes, const char* data, const void* indices, char* out, int64_t begin,
                            int64_t end);
  using BadFunction = int64_t (*)(const void* indices, int64_t count, int64_t extent);

  Sizes sizes_;
  Function function_;
  BadFunction bad_;
};

/// copy_gather_elements: out[i, j, k] = data[i, indices[i, j, k], k] for data [outer, extent, inner] and indices
/// [outer, count, inner].
class GatherElements {
 public:
  struct Sizes {
    int64_t outer, extent, count, inner;
  };
  /// Elements have 1, 2, 4 or 8 bytes.
  GatherElements(const Sizes& sizes, int64_t element_bytes, int64_t index_bytes);

  int64_t find_bad(const void* indices) const;
  void run_part(int64_t part, int64_t parts, const void* data, const void* indices, void* out) const;

 private:
  using Function = void (*)(const Sizes& sizes, const char* data, const void* indices, char* out, int64_t begin,
                            int64_t end);
  using BadFunction = int64_t (*)(const void* indices, int64_t count, int64_t extent);

  Sizes sizes_;
  Function function_;
  BadFunction bad_;
};

}  // namespace kiln
