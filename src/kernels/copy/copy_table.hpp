#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// The two inner loops of a copy. Strides are in bytes.
struct CopyTile {
  const char* from;
  char* to;
  int64_t outer, inner;  ///< extents
  int64_t from_outer, from_inner, to_outer, to_inner;
};
using CopyFunction = void (*)(const CopyTile&);

struct CopyTable {
  CopyFunction rows;          ///< inner is a number of bytes in a row, in both
  CopyFunction transpose[4];  ///< [log2 of the element's bytes]; from_outer and to_inner are the element's size
  CopyFunction strided[4];    ///< any strides
};
const CopyTable& copy_table(Isa isa);

}  // namespace kiln
