#include "kernels/copy/gather.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {
namespace {

/// Bytes of a row that are one piece of work.
constexpr int64_t piece_bytes = 4096;

/// An index of either type, from the start.
template <class Index>
int64_t index_at(const void* indices, int64_t i, int64_t extent) {
  const auto index = static_cast<int64_t>(static_cast<const Index*>(indices)[i]);
  return index < 0 ? index + extent : index;
}

template <class Index>
int64_t find_bad_index(const void* indices, int64_t count, int64_t extent) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = index_at<Index>(indices, i, extent);
    if (index < 0 || index >= extent) return i;
  }
  return -1;
}

/// Rows [begin, end) of the result, of a size known at compile time; of any size in pieces if it is 0.
template <class Index, int64_t row_size>
void gather_rows(const Gather::Sizes& s, const char* data, const void* indices, char* out, int64_t begin, int64_t end) {
  const int64_t bytes = row_size > 0 ? row_size : s.row_bytes;
  const int64_t pieces = row_size > 0 ? 1 : divide_up(bytes, piece_bytes);
  int64_t row = begin / pieces, piece = begin % pieces;
  int64_t image = row / s.count, i = row % s.count;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t from = image * s.extent + index_at<Index>(indices, i, s.extent), to = image * s.count + i;
    if constexpr (row_size > 0) {
      std::memcpy(out + to * row_size, data + from * row_size, row_size);
    } else {
      const int64_t at = piece * piece_bytes;
      std::memcpy(out + to * bytes + at, data + from * bytes + at,
                  static_cast<size_t>(std::min(piece_bytes, bytes - at)));
    }
    if (++piece < pieces) continue;
    piece = 0;
    if (++i == s.count) i = 0, ++image;
  }
}

template <class Index>
auto rows_function(int64_t bytes) {
  switch (bytes) {
    case 1: return gather_rows<Index, 1>;
    case 2: return gather_rows<Index, 2>;
    case 4: return gather_rows<Index, 4>;
    case 8: return gather_rows<Index, 8>;
    case 16: return gather_rows<Index, 16>;
    default: return gather_rows<Index, 0>;
  }
}

/// Lines [begin, end) of `inner` elements of the result.
template <class Index, class Element>
void gather_lines(const GatherElements::Sizes& s, const char* data, const void* indices, char* out, int64_t begin,
                  int64_t end) {
  const auto* from = reinterpret_cast<const Element*>(data);
  auto* to = reinterpret_cast<Element*>(out);
  for (int64_t line = begin; line < end; ++line) {
    const Element* const plane = from + line / s.count * s.extent * s.inner;
    for (int64_t k = 0; k < s.inner; ++k) {
      const int64_t at = line * s.inner + k;
      to[at] = plane[index_at<Index>(indices, at, s.extent) * s.inner + k];
    }
  }
}

template <class Index>
auto lines_function(int64_t bytes) {
  switch (bytes) {
    case 1: return gather_lines<Index, uint8_t>;
    case 2: return gather_lines<Index, uint16_t>;
    case 4: return gather_lines<Index, uint32_t>;
    default: return gather_lines<Index, uint64_t>;
  }
}

void check_index_bytes(int64_t bytes) {
  if (bytes != 4 && bytes != 8) fail(ErrorCode::unsupported, "indices of {} bytes cannot be gathered by", bytes);
}

}  // namespace

Gather::Gather(const Sizes& sizes, int64_t index_bytes)
    : sizes_(sizes),
      function_(index_bytes == 4 ? rows_function<int32_t>(sizes.row_bytes) : rows_function<int64_t>(sizes.row_bytes)),
      bad_(index_bytes == 4 ? find_bad_index<int32_t> : find_bad_index<int64_t>) {
  check_index_bytes(index_bytes);
}

int64_t Gather::find_bad(const void* indices) const { return bad_(indices, sizes_.count, sizes_.extent); }

void Gather::run_part(int64_t part, int64_t parts, const void* data, const void* indices, void* out) const {
  const int64_t pieces =
      sizes_.row_bytes <= 16 ? std::min<int64_t>(sizes_.row_bytes, 1) : divide_up(sizes_.row_bytes, piece_bytes);
  const auto [begin, end] = part_range(sizes_.outer * sizes_.count * pieces, part, parts);
  if (begin < end) {
    function_(sizes_, static_cast<const char*>(data), indices, static_cast<char*>(out), begin, end);
  }
}

GatherElements::GatherElements(const Sizes& sizes, int64_t element_bytes, int64_t index_bytes)
    : sizes_(sizes),
      function_(index_bytes == 4 ? lines_function<int32_t>(element_bytes) : lines_function<int64_t>(element_bytes)),
      bad_(index_bytes == 4 ? find_bad_index<int32_t> : find_bad_index<int64_t>) {
  check_index_bytes(index_bytes);
  if (element_bytes != 1 && element_bytes != 2 && element_bytes != 4 && element_bytes != 8) {
    fail(ErrorCode::unsupported, "elements of {} bytes are not gathered", element_bytes);
  }
}

int64_t GatherElements::find_bad(const void* indices) const {
  return bad_(indices, sizes_.outer * sizes_.count * sizes_.inner, sizes_.extent);
}

void GatherElements::run_part(int64_t part, int64_t parts, const void* data, const void* indices, void* out) const {
  const auto [begin, end] = part_range(sizes_.outer * sizes_.count, part, parts);
  if (begin < end) {
    function_(sizes_, static_cast<const char*>(data), indices, static_cast<char*>(out), begin, end);
  }
}

}  // namespace kiln
