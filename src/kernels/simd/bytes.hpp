#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/simd/vec.hpp"

namespace kiln {

/// A register of `lanes` times 16 bytes, for code that moves elements of 1, 2, 4 or 8 bytes and does not compute. More
/// lanes than one are in bytes_avx2.hpp and bytes_avx512.hpp.
template <Isa isa, int lanes>
struct Bytes;

template <Isa isa>
struct Bytes<isa, 1> {
  static constexpr int lanes = 1;
  typedef uint8_t Of1 __attribute__((vector_size(16)));
  typedef uint16_t Of2 __attribute__((vector_size(16)));
  typedef uint32_t Of4 __attribute__((vector_size(16)));
  typedef uint64_t Of8 __attribute__((vector_size(16)));
  Of8 v;

  [[gnu::always_inline]] static Bytes load(const char* p) {
    Bytes x;
    std::memcpy(&x.v, p, sizeof x.v);
    return x;
  }
  /// Lane i from p + i * stride.
  [[gnu::always_inline]] static Bytes load_lanes(const char* p, int64_t) { return load(p); }
  [[gnu::always_inline]] void store(char* p) const { std::memcpy(p, &v, sizeof v); }

  /// Of each lane: the elements of the lower half of a and b in turn.
  template <int size>
  [[gnu::always_inline]] static Bytes low(Bytes a, Bytes b) {
    if constexpr (size == 8) return {__builtin_shufflevector(a.v, b.v, 0, 2)};
    if constexpr (size == 4) return from(__builtin_shufflevector(a.of4(), b.of4(), 0, 4, 1, 5));
    if constexpr (size == 2) return from(__builtin_shufflevector(a.of2(), b.of2(), 0, 8, 1, 9, 2, 10, 3, 11));
    if constexpr (size == 1) {
      return from(__builtin_shufflevector(a.of1(), b.of1(), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    }
  }
  /// Of each lane: the elements of the upper half of a and b in turn.
  template <int size>
  [[gnu::always_inline]] static Bytes high(Bytes a, Bytes b) {
    if constexpr (size == 8) return {__builtin_shufflevector(a.v, b.v, 1, 3)};
    if constexpr (size == 4) return from(__builtin_shufflevector(a.of4(), b.of4(), 2, 6, 3, 7));
    if constexpr (size == 2) return from(__builtin_shufflevector(a.of2(), b.of2(), 4, 12, 5, 13, 6, 14, 7, 15));
    if constexpr (size == 1) {
      return from(
          __builtin_shufflevector(a.of1(), b.of1(), 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
    }
  }
  /// Every second element of a, then of b, from the first.
  template <int size>
  [[gnu::always_inline]] static Bytes even(Bytes a, Bytes b) {
    if constexpr (size == 8) return low<8>(a, b);
    if constexpr (size == 4) return from(__builtin_shufflevector(a.of4(), b.of4(), 0, 2, 4, 6));
    if constexpr (size == 2) return from(__builtin_shufflevector(a.of2(), b.of2(), 0, 2, 4, 6, 8, 10, 12, 14));
    if constexpr (size == 1) {
      return from(__builtin_shufflevector(a.of1(), b.of1(), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
    }
  }
  /// Every second element of a, then of b, from the second.
  template <int size>
  [[gnu::always_inline]] static Bytes odd(Bytes a, Bytes b) {
    if constexpr (size == 8) return high<8>(a, b);
    if constexpr (size == 4) return from(__builtin_shufflevector(a.of4(), b.of4(), 1, 3, 5, 7));
    if constexpr (size == 2) return from(__builtin_shufflevector(a.of2(), b.of2(), 1, 3, 5, 7, 9, 11, 13, 15));
    if constexpr (size == 1) {
      return from(__builtin_shufflevector(a.of1(), b.of1(), 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
    }
  }
  /// Of the 16 triples of bytes in a, b and c: the elements number `which`.
  template <int which>
  [[gnu::always_inline]] static Bytes third(Bytes a, Bytes b, Bytes c) {
    return third<which>(a, b, c, std::make_integer_sequence<int, 16>{});
  }
  /// The bytes of a, b and c in turn: the part number `which` of three.
  template <int which>
  [[gnu::always_inline]] static Bytes in_turn(Bytes a, Bytes b, Bytes c) {
    return in_turn<which>(a, b, c, std::make_integer_sequence<int, 16>{});
  }
  template <int size>
  [[gnu::always_inline]] static Bytes reversed(Bytes a) {
    if constexpr (size == 8) return {__builtin_shufflevector(a.v, a.v, 1, 0)};
    if constexpr (size == 4) return from(__builtin_shufflevector(a.of4(), a.of4(), 3, 2, 1, 0));
    if constexpr (size == 2) return from(__builtin_shufflevector(a.of2(), a.of2(), 7, 6, 5, 4, 3, 2, 1, 0));
    if constexpr (size == 1) {
      return from(__builtin_shufflevector(a.of1(), a.of1(), 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    }
  }

 private:
  template <int which, int... i>
  [[gnu::always_inline]] static Bytes third(Bytes a, Bytes b, Bytes c, std::integer_sequence<int, i...>) {
    const Of1 ab = __builtin_shufflevector(a.of1(), b.of1(), (3 * i + which < 32 ? 3 * i + which : 0)...);
    return from(__builtin_shufflevector(ab, c.of1(), (3 * i + which < 32 ? i : 3 * i + which - 16)...));
  }
  template <int which, int... i>
  [[gnu::always_inline]] static Bytes in_turn(Bytes a, Bytes b, Bytes c, std::integer_sequence<int, i...>) {
    constexpr int first = 16 * which;
    const Of1 ab = __builtin_shufflevector(a.of1(), b.of1(),
                                           ((first + i) % 3 == 2 ? 0 : (first + i) % 3 * 16 + (first + i) / 3)...);
    return from(__builtin_shufflevector(ab, c.of1(), ((first + i) % 3 == 2 ? 16 + (first + i) / 3 : i)...));
  }
  [[gnu::always_inline]] Of1 of1() const { return reinterpret_cast<Of1>(v); }
  [[gnu::always_inline]] Of2 of2() const { return reinterpret_cast<Of2>(v); }
  [[gnu::always_inline]] Of4 of4() const { return reinterpret_cast<Of4>(v); }
  template <class V>
  [[gnu::always_inline]] static Bytes from(V x) {
    return {reinterpret_cast<Of8>(x)};
  }
};

/// The lanes of the widest register.
template <Isa isa>
constexpr int most_lanes = isa == Isa::avx512 ? 4
                           : isa == Isa::avx2 ? 2
                                              : 1;

}  // namespace kiln
