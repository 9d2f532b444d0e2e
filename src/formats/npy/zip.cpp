#include "formats/npy/zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace kiln {
namespace {

constexpr uint32_t local_signature = 0x04034b50;
constexpr uint32_t entry_signature = 0x02014b50;
constexpr uint32_t end_signature = 0x06054b50;
constexpr uint32_t end64_signature = 0x06064b50;
constexpr uint32_t locator64_signature = 0x07064b50;
constexpr size_t local_size = 30;
constexpr size_t entry_size = 46;
constexpr size_t end_size = 22;
constexpr size_t end64_size = 56;
constexpr size_t locator64_size = 20;
constexpr uint16_t zip64_extra = 1;
constexpr uint16_t max16 = 0xFFFF;
constexpr uint32_t max32 = 0xFFFFFFFF;
constexpr uint16_t encrypted_flag = 1;
constexpr uint16_t utf8_flag = 1 << 11;
constexpr uint16_t stored_method = 0;
constexpr uint16_t deflated_method = 8;
constexpr uint16_t written_date = 1 << 5 | 1;   // 1 January 1980: equal arrays make equal files
constexpr uint64_t deflate_max_ratio = 1032;    // what DEFLATE can reach
constexpr size_t zlib_chunk = size_t{1} << 30;  // zlib counts in 32 bits
constexpr size_t deflate_buffer = size_t{1} << 16;

/// Little-endian numbers at checked offsets.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint16_t u16(uint64_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }
  uint32_t u32(uint64_t offset) const { return static_cast<uint32_t>(number(offset, 4)); }
  uint64_t u64(uint64_t offset) const { return number(offset, 8); }

  std::span<const std::byte> range(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      fail(ErrorCode::invalid_data, "the zip archive is cut off: {} bytes wanted at {} of {}", size, offset,
           bytes_.size());
    }
    return bytes_.subspan(offset, size);
  }
  uint64_t size() const { return bytes_.size(); }

 private:
  uint64_t number(uint64_t offset, size_t width) const {
    const auto bytes = range(offset, width);
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) {
      value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
    }
    return value;
  }

  std::span<const std::byte> bytes_;
};

struct Directory {
  uint64_t count;
  uint64_t size;
  uint64_t offset;
};

Directory find_directory(const Fields& archive) {
  // The end record is followed by a comment of up to 65535 bytes, so that it has to be searched from the back.
  std::optional<uint64_t> end;
  for (uint64_t comment = 0; comment <= max16 && !end && comment + end_size <= archive.size(); ++comment) {
    const uint64_t offset = archive.size() - end_size - comment;
    if (archive.u32(offset) == end_signature && archive.u16(offset + 20) == comment) {
      end = offset;
    }
  }
  if (!end) {
    fail(ErrorCode::invalid_data, "this is no zip archive, or one that is cut off: it has no end record");
  }
  Directory directory{archive.u16(*end + 10), archive.u32(*end + 12), archive.u32(*end + 16)};
  bool one_disk = archive.u16(*end + 4) == archive.u16(*end + 6) && archive.u16(*end + 8) == directory.count;
  if (*end >= locator64_size && archive.u32(*end - locator64_size) == locator64_signature) {
    const uint64_t end64 = archive.u64(*end - locator64_size + 8);
    archive.range(end64, end64_size);
    if (archive.u32(end64) != end64_signature) {
      fail(ErrorCode::invalid_data, "the zip archive has no zip64 end record where its locator says");
    }
    directory = {archive.u64(end64 + 32), archive.u64(end64 + 40), archive.u64(end64 + 48)};
    one_disk = archive.u64(end64 + 24) == directory.count;
  }
  if (!one_disk) {
    fail(ErrorCode::unsupported, "the zip archive is one part of several");
  }
  return directory;
}

/// Takes what did not fit in 32 bits from the zip64 extra field, which has only those numbers, in this order.
void read_zip64(std::span<const std::byte> extra, uint64_t& size, uint64_t& packed_size, uint64_t& offset) {
  const Fields fields(extra);
  for (uint64_t at = 0; at + 4 <= extra.size();) {
    const uint16_t length = fields.u16(at + 2);
    const Fields content(fields.range(at + 4, length));
    if (fields.u16(at) == zip64_extra) {
      uint64_t next = 0;
      for (uint64_t* number : {&size, &packed_size, &offset}) {
        if (*number == max32) {
          *number = content.u64(next);
          next += 8;
        }
      }
      return;
    }
    at += 4 + uint64_t{length};
  }
}

/// An entry, and where in the archive its local header and data lie.
struct Placed {
  ZipEntry entry;
  uint64_t begin;
  uint64_t end;
};

Placed read_entry(const Fields& archive, const Fields& directory, uint64_t at, uint64_t& next) {
  directory.range(at, entry_size);
  if (directory.u32(at) != entry_signature) {
    fail(ErrorCode::invalid_data, "the zip archive's directory is damaged at {}", at);
  }
  const uint16_t flags = directory.u16(at + 8);
  const uint16_t method = directory.u16(at + 10);
  const uint16_t name_size = directory.u16(at + 28);
  const uint16_t extra_size = directory.u16(at + 30);
  Placed placed{{}, directory.u32(at + 42), 0};
  ZipEntry& entry = placed.entry;
  const auto name = directory.range(at + entry_size, name_size);
  entry.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  entry.crc = directory.u32(at + 16);
  entry.size = directory.u32(at + 24);
  entry.deflated = method == deflated_method;
  uint64_t packed_size = directory.u32(at + 20);
  read_zip64(directory.range(at + entry_size + name_size, extra_size), entry.size, packed_size, placed.begin);
  next = at + entry_size + name_size + extra_size + directory.u16(at + 32);

  if ((flags & encrypted_flag) != 0 || (method != stored_method && method != deflated_method)) {
    fail(ErrorCode::unsupported, "'{}' in the zip archive is {}; only stored and deflated files can be read",
         entry.name, (flags & encrypted_flag) != 0 ? "encrypted" : "packed with method " + std::to_string(method));
  }
  archive.range(placed.begin, local_size);
  if (archive.u32(placed.begin) != local_signature) {
    fail(ErrorCode::invalid_data, "'{}' is not where the zip archive's directory says", entry.name);
  }
  const uint64_t data = placed.begin + local_size + archive.u16(placed.begin + 26) + archive.u16(placed.begin + 28);
  entry.data = archive.range(data, packed_size);
  placed.end = data + packed_size;
  const bool possible = entry.deflated ? entry.size / deflate_max_ratio <= packed_size : entry.size == packed_size;
  if (!possible) {
    fail(ErrorCode::invalid_data, "'{}' in the zip archive cannot be {} bytes long: it has {} bytes of data",
         entry.name, entry.size, packed_size);
  }
  return placed;
}

uint32_t checksum(uint32_t crc, std::span<const std::byte> bytes) {
  // For zlib, no memory at all means to begin anew.
  if (bytes.empty()) return crc;
  return static_cast<uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

template <class Source>
uInt next_chunk(const Source& source, size_t used) {
  return static_cast<uInt>(std::min(source.size() - used, zlib_chunk));
}

/// True if `packed` is one whole DEFLATE stream that fills `out` exactly.
bool inflate_into(std::span<const std::byte> packed, std::span<std::byte> out) {
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    throw std::bad_alloc();
  }
  size_t read = 0;
  size_t written = 0;
  std::byte surplus;  // a stream without output needs somewhere to write, and one too long shows here
  int status = Z_OK;
  while (status == Z_OK) {
    const bool full = written == out.size();
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + read));
    stream.avail_in = next_chunk(packed, read);
    stream.next_out = reinterpret_cast<Bytef*>(full ? &surplus : out.data() + written);
    stream.avail_out = full ? 1 : next_chunk(out, written);
    const uInt in_before = stream.avail_in;
    const uInt out_before = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    read += in_before - stream.avail_in;
    written += out_before - stream.avail_out;
    if (written > out.size()) break;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && written == out.size() && read == packed.size();
}

/// The parts as one raw DEFLATE stream.
std::string deflate_all(std::span<const std::span<const std::byte>> parts) {
  z_stream stream = {};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out;
  std::string buffer(deflate_buffer, '\0');
  const auto drain = [&](int flush) {
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      deflate(&stream, flush);
      out.append(buffer, 0, buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  for (const std::span<const std::byte> part : parts) {
    for (size_t used = 0; used < part.size(); used += zlib_chunk) {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(part.data() + used));
      stream.avail_in = next_chunk(part, used);
      drain(Z_NO_FLUSH);
    }
  }
  drain(Z_FINISH);
  deflateEnd(&stream);
  return out;
}

/// Puts little-endian numbers together.
class Record {
 public:
  Record& u16(uint64_t value) { return put(value, 2); }
  Record& u32(uint64_t value) { return put(value, 4); }
  Record& u64(uint64_t value) { return put(value, 8); }
  Record& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& put(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) {
      bytes_ += static_cast<char>(value >> (8 * i) & 0xFF);
    }
    return *this;
  }
  std::string bytes_;
};

uint64_t capped(uint64_t value) { return std::min<uint64_t>(value, max32); }

uint16_t flags_for(std::string_view name) {
  const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  return ascii ? 0 : utf8_flag;
}

}  // namespace

std::vector<ZipEntry> list_zip(std::span<const std::byte> archive) {
  const Fields fields(archive);
  const Directory directory = find_directory(fields);
  const Fields records(fields.range(directory.offset, directory.size));
  if (directory.count > records.size() / entry_size) {
    fail(ErrorCode::invalid_data, "the zip archive's directory of {} bytes cannot have {} entries", records.size(),
         directory.count);
  }
  std::vector<ZipEntry> entries;
  std::vector<std::pair<uint64_t, uint64_t>> places;
  std::set<std::string> names;
  uint64_t at = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    Placed placed = read_entry(fields, records, at, at);
    if (!names.insert(placed.entry.name).second) {
      fail(ErrorCode::invalid_data, "the zip archive has '{}' twice", placed.entry.name);
    }
    places.emplace_back(placed.begin, placed.end);
    entries.push_back(std::move(placed.entry));
  }
  // Entries that share their data are how a small archive claims to be a huge one.
  std::sort(places.begin(), places.end());
  places.emplace_back(directory.offset, directory.offset);
  for (size_t i = 1; i < places.size(); ++i) {
    if (places[i - 1].second > places[i].first) {
      fail(ErrorCode::invalid_data, "the zip archive's entries overlap at {}", places[i].first);
    }
  }
  return entries;
}

ZipContent read_zip_entry(const ZipEntry& entry) {
  ZipContent content{entry.data, {}};
  if (entry.deflated) {
    std::shared_ptr<std::byte[]> memory;
    try {
      memory = std::make_shared_for_overwrite<std::byte[]>(entry.size);
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::out_of_memory, "cannot allocate {} bytes to unpack '{}'", entry.size, entry.name);
    }
    const std::span<std::byte> out(memory.get(), entry.size);
    if (!inflate_into(entry.data, out)) {
      fail(ErrorCode::invalid_data, "'{}' in the zip archive is damaged: its data is no deflated file of {} bytes",
           entry.name, entry.size);
    }
    content = {out, std::move(memory)};
  }
  if (checksum(0, content.bytes) != entry.crc) {
    fail(ErrorCode::invalid_data, "'{}' in the zip archive is damaged: its checksum differs", entry.name);
  }
  return content;
}

void ZipWriter::put(std::span<const std::byte> bytes) {
  sink_(bytes);
  position_ += bytes.size();
}

void ZipWriter::put(std::string_view bytes) { put(std::as_bytes(std::span(bytes))); }

void ZipWriter::add(const std::string& name, std::span<const std::span<const std::byte>> parts, bool deflate) {
  if (name.size() > max16) {
    fail(ErrorCode::invalid_argument, "a name of {} bytes is too long for a zip archive", name.size());
  }
  Written entry{name, deflate, 0, 0, 0, position_};
  for (const std::span<const std::byte> part : parts) {
    entry.crc = checksum(entry.crc, part);
    entry.size += part.size();
  }
  const std::string packed = deflate ? deflate_all(parts) : "";
  entry.packed_size = deflate ? packed.size() : entry.size;

  const bool is_large = entry.size >= max32 || entry.packed_size >= max32;
  Record record;
  record.u32(local_signature).u16(is_large ? 45 : 20).u16(flags_for(name));
  record.u16(deflate ? deflated_method : stored_method).u16(0).u16(written_date).u32(entry.crc);
  record.u32(is_large ? max32 : entry.packed_size).u32(is_large ? max32 : entry.size);
  record.u16(name.size()).u16(is_large ? 20 : 0).text(name);
  if (is_large) {
    record.u16(zip64_extra).u16(16).u64(entry.size).u64(entry.packed_size);
  }
  put(record.bytes());
  if (deflate) {
    put(packed);
  } else {
    for (const std::span<const std::byte> part : parts) {
      put(part);
    }
  }
  entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
  const uint64_t begin = position_;
  for (const Written& entry : entries_) {
    Record extra;
    for (const uint64_t number : {entry.size, entry.packed_size, entry.offset}) {
      if (number >= max32) extra.u64(number);
    }
    const size_t extra_size = extra.bytes().empty() ? 0 : extra.bytes().size() + 4;
    const uint16_t version = extra_size > 0 ? 45 : 20;
    Record record;
    record.u32(entry_signature).u16(version).u16(version).u16(flags_for(entry.name));
    record.u16(entry.deflated ? deflated_method : stored_method).u16(0).u16(written_date).u32(entry.crc);
    record.u32(capped(entry.packed_size)).u32(capped(entry.size)).u16(entry.name.size()).u16(extra_size).u16(0);
    record.u16(0).u16(0).u32(0).u32(capped(entry.offset)).text(entry.name);
    if (extra_size > 0) {
      record.u16(zip64_extra).u16(extra_size - 4).text(extra.bytes());
    }
    put(record.bytes());
  }
  const uint64_t size = position_ - begin;
  const uint64_t end64 = position_;
  const uint64_t count = entries_.size();
  Record record;
  if (count >= max16 || size >= max32 || begin >= max32) {
    record.u32(end64_signature).u64(end64_size - 12).u16(45).u16(45).u32(0).u32(0).u64(count).u64(count);
    record.u64(size).u64(begin);
    record.u32(locator64_signature).u32(0).u64(end64).u32(1);
  }
  const uint64_t short_count = std::min<uint64_t>(count, max16);
  record.u32(end_signature).u16(0).u16(0).u16(short_count).u16(short_count).u32(capped(size)).u32(capped(begin)).u16(0);
  put(record.bytes());
}

}  // namespace kiln
