#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kiln {

/// One file of a zip archive. `data` lies within the archive's bytes.
struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  uint64_t size = 0;  ///< unpacked; within what the packed bytes can possibly hold
  std::span<const std::byte> data;
};

struct ZipContent {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  ///< none where `bytes` lies within the archive itself
};

/// The files of an archive (zip64 included), in the order of its directory. Error(invalid_data) where a part is cut
/// off, entries overlap or a name comes twice; Error(unsupported) for encryption, other methods and split archives.
std::vector<ZipEntry> list_zip(std::span<const std::byte> archive);

/// Unpacks one entry and checks its checksum. Allocates entry.size bytes if it is deflated: check that first.
ZipContent read_zip_entry(const ZipEntry& entry);

/// Writes an archive piece by piece.
class ZipWriter {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;
  explicit ZipWriter(Sink sink) : sink_(std::move(sink)) {}

  /// Adds a file whose content is the parts one after the other.
  void add(const std::string& name, std::span<const std::span<const std::byte>> parts, bool deflate);
  /// Writes the directory; nothing can be added after that.
  void finish();

 private:
  struct Written {
    std::string name;
    bool deflated;
    uint32_t crc;
    uint64_t packed_size;
    uint64_t size;
    uint64_t offset;
  };
  void put(std::string_view bytes);
  void put(std::span<const std::byte> bytes);

  Sink sink_;
  uint64_t position_ = 0;
  std::vector<Written> entries_;
};

}  // namespace kiln
