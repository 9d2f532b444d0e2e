#pragma once

#include <bit>
#include <cstdint>

#include "images/image.hpp"

namespace kiln {

/// A file seen as numbers of either byte order; what lies beyond its end reads as zero.
class Numbers {
 public:
  explicit Numbers(Bytes file, std::endian order = std::endian::little)
      : file_(file), little_(order == std::endian::little) {}

  size_t size() const { return file_.size(); }
  uint32_t u8(size_t at) const { return at < file_.size() ? file_[at] : 0; }
  uint32_t u16(size_t at) const { return little_ ? u8(at) | u8(at + 1) << 8 : u8(at) << 8 | u8(at + 1); }
  uint32_t u24(size_t at) const { return little_ ? u16(at) | u8(at + 2) << 16 : u16(at) << 8 | u8(at + 2); }
  uint32_t u32(size_t at) const { return little_ ? u16(at) | u16(at + 2) << 16 : u16(at) << 16 | u16(at + 2); }
  int32_t i32(size_t at) const { return static_cast<int32_t>(u32(at)); }

 private:
  Bytes file_;
  bool little_;
};

}  // namespace kiln
