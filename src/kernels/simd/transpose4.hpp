#pragma once

#include <cstdint>
#include <cstring>

namespace kiln {

/// Four floats, which every architecture has in some form.
typedef float FourFloats __attribute__((vector_size(16)));

[[gnu::always_inline]] inline FourFloats load_four(const float* p) {
  FourFloats four;
  std::memcpy(&four, p, sizeof four);
  return four;
}
[[gnu::always_inline]] inline void store_four(FourFloats four, float* p) { std::memcpy(p, &four, sizeof four); }

/// x[i][j] to x[j][i]
[[gnu::always_inline]] inline void transpose(FourFloats (&x)[4]) {
  const FourFloats a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5),
                   b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const FourFloats c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5),
                   d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

}  // namespace kiln
