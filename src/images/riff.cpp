#include "images/riff.hpp"

#include <algorithm>

#include "images/numbers.hpp"

namespace kiln {

std::optional<RiffChunk> take_chunk(Bytes& chunks) {
  constexpr size_t header = 8;
  if (chunks.size() < header) return {};
  const size_t length = Numbers(chunks).u32(4);
  if (length > chunks.size() - header) return {};
  const RiffChunk chunk{{reinterpret_cast<const char*>(chunks.data()), 4}, chunks.subspan(header, length)};
  chunks = chunks.subspan(std::min(chunks.size(), header + length + length % 2));
  return chunk;
}

}  // namespace kiln
