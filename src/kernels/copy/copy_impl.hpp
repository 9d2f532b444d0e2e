#pragma once

#include "kernels/copy/copy_table.hpp"
#include "kernels/simd/bytes.hpp"

/// Included by copy_<isa>.cpp only.
namespace kiln {

template <int size>
[[gnu::always_inline]] inline void move_element(const char* from, char* to) {
  std::memcpy(to, from, size);
}

/// `bytes` bytes of at least `block`, as blocks of which the last may overlap the one before.
template <class V, int block>
[[gnu::always_inline]] inline void move_blocks(const char* from, char* to, int64_t bytes) {
  int64_t at = 0;
  for (; at + block <= bytes; at += block) V::load(from + at).store(to + at);
  if (at < bytes) V::load(from + bytes - block).store(to + bytes - block);
}

/// Up to 16 bytes, as two overlapping pieces of the largest power of two.
[[gnu::always_inline]] inline void move_few(const char* from, char* to, int64_t bytes) {
  const auto both_ends = [&]<class T>(T first) __attribute__((always_inline)) {
    T last;
    std::memcpy(&first, from, sizeof first);
    std::memcpy(&last, from + bytes - sizeof last, sizeof last);
    std::memcpy(to, &first, sizeof first);
    std::memcpy(to + bytes - sizeof last, &last, sizeof last);
  };
  if (bytes >= 8) return both_ends(uint64_t{});
  if (bytes >= 4) return both_ends(uint32_t{});
  if (bytes >= 2) return both_ends(uint16_t{});
  if (bytes == 1) *to = *from;
}

template <Isa isa>
[[gnu::noinline]] void copy_rows(const CopyTile& t) {
  constexpr int wide = 16 * most_lanes<isa>;
  constexpr int64_t much = 1024;  // from which memcpy's own tricks pay
  const auto each = [&](auto&& move) __attribute__((always_inline)) {
    for (int64_t i = 0; i < t.outer; ++i) move(t.from + i * t.from_outer, t.to + i * t.to_outer);
  };
  const int64_t bytes = t.inner;
  if (bytes >= much) {
    each([&](const char* from, char* to) { std::memcpy(to, from, static_cast<size_t>(bytes)); });
  } else if (bytes == wide) {
    each([](const char* from, char* to) { Bytes<isa, most_lanes<isa>>::load(from).store(to); });
  } else if (bytes > wide) {
    each([&](const char* from, char* to) { move_blocks<Bytes<isa, most_lanes<isa>>, wide>(from, to, bytes); });
  } else if (bytes >= 16) {
    each([&](const char* from, char* to) { move_blocks<Bytes<isa, 1>, 16>(from, to, bytes); });
  } else {
    each([&](const char* from, char* to) { move_few(from, to, bytes); });
  }
}

/// 16 / size columns of a matrix from `lanes` times as many rows, as rows.
template <Isa isa, int lanes, int size>
[[gnu::always_inline]] inline void transpose_tile(const char* from, int64_t from_step, char* to, int64_t to_step) {
  using B = Bytes<isa, lanes>;
  constexpr int count = 16 / size;
  B x[count], y[count];
  unroll<count>([&](int r)
                    __attribute__((always_inline)) { x[r] = B::load_lanes(from + r * from_step, count * from_step); });
  // Each round turns the bits of (row, column) by one place.
  constexpr int rounds = size == 8 ? 1 : size == 4 ? 2 : size == 2 ? 3 : 4;
  unroll<rounds>([&](auto) __attribute__((always_inline)) {
    unroll<count / 2>([&](int k) __attribute__((always_inline)) {
      y[2 * k] = B::template low<size>(x[k], x[k + count / 2]);
      y[2 * k + 1] = B::template high<size>(x[k], x[k + count / 2]);
    });
    unroll<count>([&](int k) __attribute__((always_inline)) { x[k] = y[k]; });
  });
  unroll<count>([&](int r) __attribute__((always_inline)) { x[r].store(to + r * to_step); });
}

/// `lanes` * 16 / size rows become columns; the last tile of columns may overlap the one before.
template <Isa isa, int lanes, int size>
[[gnu::always_inline]] inline void transpose_rows(const char* from, int64_t from_step, char* to, int64_t to_step,
                                                  int64_t columns) {
  constexpr int count = 16 / size;
  int64_t i = 0;
  for (; i + count <= columns; i += count) {
    transpose_tile<isa, lanes, size>(from + i * size, from_step, to + i * to_step, to_step);
  }
  if (i < columns) {
    i = columns - count;
    transpose_tile<isa, lanes, size>(from + i * size, from_step, to + i * to_step, to_step);
  }
}

/// Two arrays to pairs of their elements.
template <Isa isa, int size>
[[gnu::always_inline]] inline void interleave_2(const char* from, int64_t from_step, char* to, int64_t pairs) {
  using B = Bytes<isa, 1>;
  int64_t i = 0;
  for (; i + 16 / size <= pairs; i += 16 / size) {
    const B a = B::load(from + i * size), b = B::load(from + from_step + i * size);
    B::template low<size>(a, b).store(to + 2 * i * size);
    B::template high<size>(a, b).store(to + 2 * i * size + 16);
  }
  for (; i < pairs; ++i) {
    move_element<size>(from + i * size, to + 2 * i * size);
    move_element<size>(from + from_step + i * size, to + (2 * i + 1) * size);
  }
}

template <Isa isa, int size>
[[gnu::always_inline]] inline void separate_2(const char* from, char* to, int64_t to_step, int64_t pairs) {
  using B = Bytes<isa, 1>;
  int64_t i = 0;
  for (; i + 16 / size <= pairs; i += 16 / size) {
    const B a = B::load(from + 2 * i * size), b = B::load(from + 2 * i * size + 16);
    B::template even<size>(a, b).store(to + i * size);
    B::template odd<size>(a, b).store(to + to_step + i * size);
  }
  for (; i < pairs; ++i) {
    move_element<size>(from + 2 * i * size, to + i * size);
    move_element<size>(from + (2 * i + 1) * size, to + to_step + i * size);
  }
}

/// Three arrays of elements of 4 bytes to triples.
template <Isa isa>
[[gnu::always_inline]] inline void interleave_3(const char* from, int64_t from_step, char* to, int64_t triples) {
  using B = Bytes<isa, 1>;
  int64_t i = 0;
  // Each store writes four bytes too many, which the next one mends.
  for (; i + 4 < triples; i += 4) {
    const B a = B::load(from + i * 4), b = B::load(from + from_step + i * 4), c = B::load(from + 2 * from_step + i * 4);
    const B ac_low = B::template low<4>(a, c), ac_high = B::template high<4>(a, c);
    const B bb_low = B::template low<4>(b, b), bb_high = B::template high<4>(b, b);
    char* const at = to + i * 12;
    B::template low<4>(ac_low, bb_low).store(at);
    B::template high<4>(ac_low, bb_low).store(at + 12);
    B::template low<4>(ac_high, bb_high).store(at + 24);
    B::template high<4>(ac_high, bb_high).store(at + 36);
  }
  for (; i < triples; ++i) {
    for (int64_t j = 0; j < 3; ++j) move_element<4>(from + j * from_step + i * 4, to + (3 * i + j) * 4);
  }
}

template <Isa isa>
[[gnu::always_inline]] inline void separate_3(const char* from, char* to, int64_t to_step, int64_t triples) {
  using B = Bytes<isa, 1>;
  int64_t i = 0;
  // Each load reads four bytes of the next triple.
  for (; i + 4 < triples; i += 4) {
    const char* const at = from + i * 12;
    const B a = B::load(at), b = B::load(at + 12), c = B::load(at + 24), d = B::load(at + 36);
    const B ac_low = B::template low<4>(a, c), ac_high = B::template high<4>(a, c);
    const B bd_low = B::template low<4>(b, d), bd_high = B::template high<4>(b, d);
    B::template low<4>(ac_low, bd_low).store(to + i * 4);
    B::template high<4>(ac_low, bd_low).store(to + to_step + i * 4);
    B::template low<4>(ac_high, bd_high).store(to + 2 * to_step + i * 4);
  }
  for (; i < triples; ++i) {
    for (int64_t j = 0; j < 3; ++j) move_element<4>(from + (3 * i + j) * 4, to + j * to_step + i * 4);
  }
}

/// The same for bytes.
template <Isa isa>
[[gnu::always_inline]] inline void interleave_3_bytes(const char* from, int64_t from_step, char* to, int64_t triples) {
  using B = Bytes<isa, 1>;
  int64_t i = 0;
  for (; i + 16 <= triples; i += 16) {
    const B a = B::load(from + i), b = B::load(from + from_step + i), c = B::load(from + 2 * from_step + i);
    B::template in_turn<0>(a, b, c).store(to + 3 * i);
    B::template in_turn<1>(a, b, c).store(to + 3 * i + 16);
    B::template in_turn<2>(a, b, c).store(to + 3 * i + 32);
  }
  for (; i < triples; ++i) {
    for (int64_t j = 0; j < 3; ++j) to[3 * i + j] = from[j * from_step + i];
  }
}

template <Isa isa>
[[gnu::always_inline]] inline void separate_3_bytes(const char* from, char* to, int64_t to_step, int64_t triples) {
  using B = Bytes<isa, 1>;
  int64_t i = 0;
  for (; i + 16 <= triples; i += 16) {
    const char* const at = from + 3 * i;
    const B a = B::load(at), b = B::load(at + 16), c = B::load(at + 32);
    B::template third<0>(a, b, c).store(to + i);
    B::template third<1>(a, b, c).store(to + to_step + i);
    B::template third<2>(a, b, c).store(to + 2 * to_step + i);
  }
  for (; i < triples; ++i) {
    for (int64_t j = 0; j < 3; ++j) to[j * to_step + i] = from[3 * i + j];
  }
}

/// A matrix with few rows or few columns; element by element, along its longer side, where no better way is known.
template <Isa isa, int size>
[[gnu::always_inline]] inline void transpose_narrow(const CopyTile& t) {
  const int64_t columns = t.outer, rows = t.inner, in = t.from_inner, out = t.to_outer;
  if (rows == 2 && out == 2 * size) return interleave_2<isa, size>(t.from, in, t.to, columns);
  if (columns == 2 && in == 2 * size) return separate_2<isa, size>(t.from, t.to, out, rows);
  if constexpr (size == 4) {
    if (rows == 3 && out == 12) return interleave_3<isa>(t.from, in, t.to, columns);
    if (columns == 3 && in == 12) return separate_3<isa>(t.from, t.to, out, rows);
  }
  // Plain x86-64 cannot shuffle bytes in one instruction.
  if constexpr (size == 1 && isa != Isa::portable) {
    if (rows == 3 && out == 3) return interleave_3_bytes<isa>(t.from, in, t.to, columns);
    if (columns == 3 && in == 3) return separate_3_bytes<isa>(t.from, t.to, out, rows);
  }
  const bool few_rows = rows < columns;
  const int64_t few = few_rows ? rows : columns, many = few_rows ? columns : rows;
  const int64_t few_from = few_rows ? in : size, few_to = few_rows ? size : out;
  const int64_t many_from = few_rows ? size : in, many_to = few_rows ? out : size;
  int64_t a = 0;
  for (; a + 2 <= few; a += 2) {
    const char* from = t.from + a * few_from;
    char* to = t.to + a * few_to;
    for (int64_t b = 0; b < many; ++b, from += many_from, to += many_to) {
      move_element<size>(from, to);
      move_element<size>(from + few_from, to + few_to);
    }
  }
  if (a < few) {
    const char* from = t.from + a * few_from;
    char* to = t.to + a * few_to;
    for (int64_t b = 0; b < many; ++b, from += many_from, to += many_to) move_element<size>(from, to);
  }
}

/// Rows are the inner loop's: from_inner apart where they come from. Columns are contiguous there.
template <Isa isa, int size>
[[gnu::noinline]] void copy_transposed(const CopyTile& t) {
  constexpr int count = 16 / size, wide = count * most_lanes<isa>;
  if (t.inner < count || t.outer < count) return transpose_narrow<isa, size>(t);
  // Runs long enough for the prefetcher, in blocks whose lines stay in L2 until they are complete.
  constexpr int64_t most_columns = 512 / size, most_rows = 512 / size;
  for (int64_t first = 0, rows; first < t.inner; first += rows) {
    rows = t.inner - first < most_rows + count ? t.inner - first : most_rows;
    for (int64_t column = 0, columns; column < t.outer; column += columns) {
      columns = t.outer - column < most_columns + count ? t.outer - column : most_columns;
      const char* const from = t.from + column * size + first * t.from_inner;
      char* const to = t.to + column * t.to_outer + first * size;
      const auto rows_at = [&]<int lanes>(Index<lanes>, int64_t row) __attribute__((always_inline)) {
        transpose_rows<isa, lanes, size>(from + row * t.from_inner, t.from_inner, to + row * size, t.to_outer, columns);
      };
      int64_t row = 0;
      for (; row + wide <= rows; row += wide) rows_at(Index<most_lanes<isa>>{}, row);
      if constexpr (most_lanes<isa> == 4) {
        if (row + 2 * count <= rows) rows_at(Index<2>{}, row), row += 2 * count;
      }
      if constexpr (most_lanes<isa> >= 2) {
        if (row + count <= rows) rows_at(Index<1>{}, row), row += count;
      }
      if (row < rows) rows_at(Index<1>{}, rows - count);
    }
  }
}

/// One row of the inner loop, with contiguous results.
template <Isa isa, int size>
[[gnu::always_inline]] inline void copy_strided_row(const char* from, char* to, int64_t count, int64_t step) {
  using B = Bytes<isa, 1>;
  constexpr int each = 16 / size;
  int64_t i = 0;
  if (step == 0) {
    char pattern[16];
    for (int k = 0; k < each; ++k) move_element<size>(from, pattern + k * size);
    const B x = B::load(pattern);
    for (; i + each <= count; i += each) x.store(to + i * size);
  } else if (step == -size) {
    for (; i + each <= count; i += each) {
      B::template reversed<size>(B::load(from + (i + each - 1) * step)).store(to + i * size);
    }
  } else if (step == 2 * size) {
    // The last load of a pair reads one element past the last that is asked for.
    for (; i + each < count; i += each) {
      B::template even<size>(B::load(from + i * step), B::load(from + i * step + 16)).store(to + i * size);
    }
  }
  for (; i < count; ++i) move_element<size>(from + i * step, to + i * size);
}

template <Isa isa, int size>
[[gnu::noinline]] void copy_strided(const CopyTile& t) {
  for (int64_t i = 0; i < t.outer; ++i) {
    const char* from = t.from + i * t.from_outer;
    char* to = t.to + i * t.to_outer;
    if (t.to_inner == size) {
      copy_strided_row<isa, size>(from, to, t.inner, t.from_inner);
    } else {
      for (int64_t k = 0; k < t.inner; ++k) move_element<size>(from + k * t.from_inner, to + k * t.to_inner);
    }
  }
}

template <Isa isa>
constexpr CopyTable make_copy_table() {
  return {copy_rows<isa>,
          {copy_transposed<isa, 1>, copy_transposed<isa, 2>, copy_transposed<isa, 4>, copy_transposed<isa, 8>},
          {copy_strided<isa, 1>, copy_strided<isa, 2>, copy_strided<isa, 4>, copy_strided<isa, 8>}};
}

}  // namespace kiln
