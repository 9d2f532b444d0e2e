#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/checksum.hpp"
#include "runtime/engine_file.hpp"

/// Engine files in memory, for tests that damage them.
namespace kiln::test {

inline std::string engine_bytes(const EngineDef& engine, const EngineRecord& record = {}) {
  std::string bytes;
  std::vector<const Machine*> machines;
  if (engine.machine()) machines.push_back(engine.machine());
  write_engine([&](std::span<const std::byte> piece,
                   EngineSection::Kind) { bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size()); },
               engine.model(), machines, record);
  return bytes;
}

/// Reads them from memory of exactly their size, so that a sanitizer sees whatever is read past the end.
inline EngineFile read_engine(std::string_view bytes) {
  constexpr std::align_val_t alignment{64};
  auto* copy = static_cast<std::byte*>(::operator new(bytes.size(), alignment));
  std::memcpy(copy, bytes.data(), bytes.size());
  const std::shared_ptr<const void> keeper(copy, [](void* memory) { ::operator delete(memory, alignment); });
  return EngineFile::from_memory({copy, bytes.size()}, keeper);
}

template <class T>
T read_at(std::string_view bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// Makes the checksums right again, as far as the header and the table can be understood: what is wrong beyond them
/// must then be found by those who read the sections.
inline void reseal(std::string& bytes) {
  constexpr size_t header = 64, entry = 32, count_at = 28, size_at = 32, checksum_at = 40;
  if (bytes.size() < header) return;
  const size_t count = read_at<uint32_t>(bytes, count_at);
  if (count > (bytes.size() - header) / entry) return;
  const uint64_t size = bytes.size();
  std::memcpy(&bytes[size_at], &size, sizeof size);
  const auto span = [&](size_t offset, size_t length) {
    return std::as_bytes(std::span(bytes)).subspan(offset, length);
  };
  for (size_t i = 0; i < count; ++i) {
    const size_t at = header + i * entry;
    const auto offset = read_at<uint64_t>(bytes, at + 8), length = read_at<uint64_t>(bytes, at + 16);
    if (offset > bytes.size() || length > bytes.size() - offset) continue;
    const uint64_t sum = checksum64(span(offset, length));
    std::memcpy(&bytes[at + 24], &sum, sizeof sum);
  }
  std::memset(&bytes[checksum_at], 0, 8);
  const uint64_t sum = checksum64(span(0, header + count * entry));
  std::memcpy(&bytes[checksum_at], &sum, sizeof sum);
}

}  // namespace kiln::test
