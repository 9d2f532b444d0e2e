#include "runtime/engine_file.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/atomic_write.hpp"
#include "base/checked.hpp"
#include "base/checksum.hpp"
#include "base/cpu.hpp"
#include "tactics/packing_version.hpp"

namespace kiln {
namespace {

using Kind = EngineSection::Kind;

constexpr std::array<char, 4> magic = {'K', 'I', 'L', 'N'};
constexpr uint64_t page = 4096, structure_alignment = 64;
/// After the last weight, so that vector code may read past it.
constexpr uint64_t margin = 64;
constexpr size_t most_variants = 8;

/// The first three fields stay where they are in all versions.
struct Header {
  std::array<char, 4> magic;
  uint32_t format_version;
  std::array<char, 16> kiln_version;
  uint32_t packing_version;
  uint32_t sections;
  uint64_t file_size;
  uint64_t checksum;  ///< of the header, with zero here, and the table
  std::array<uint64_t, 2> reserved;
};
static_assert(sizeof(Header) == 64);

struct TableEntry {
  uint32_t kind, variant;
  uint64_t offset, size, checksum;
};
static_assert(sizeof(TableEntry) == 32);

std::string_view kind_name(Kind kind) {
  constexpr std::string_view names[] = {"record", "graph", "machine", "packed", "weights"};
  return names[static_cast<size_t>(kind) - 1];
}

uint64_t alignment_of(Kind kind) { return kind <= Kind::machine ? structure_alignment : page; }

uint64_t round_up(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

uint64_t header_checksum(Header header, std::span<const std::byte> table) {
  header.checksum = 0;
  std::vector<std::byte> bytes(sizeof header + table.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::copy(table.begin(), table.end(), bytes.begin() + sizeof header);
  return checksum64(bytes);
}

std::string version_text(const std::array<char, 16>& field) {
  return {field.begin(), std::find(field.begin(), field.end(), '\0')};
}

/// Elements on their way into a section: each once, in the order in which they came.
class Blobs {
 public:
  uint64_t place(std::span<const std::byte> bytes) {
    const auto [position, added] = places_.try_emplace({bytes.data(), bytes.size()}, size_);
    if (added) {
      blobs_.push_back(bytes);
      size_ = round_up(size_ + bytes.size(), weight_alignment);
    }
    return position->second;
  }
  uint64_t size() const { return blobs_.empty() ? 0 : size_ + margin; }

  uint64_t checksum() const {
    Checksum64 sum;
    write([&](std::span<const std::byte> bytes) { sum.add(bytes); });
    return sum.finish();
  }
  void write(FunctionRef<void(std::span<const std::byte>)> sink) const {
    static constexpr std::array<std::byte, weight_alignment> zeros{};
    for (const auto& blob : blobs_) {
      sink(blob);
      sink(std::span(zeros).first(round_up(blob.size(), weight_alignment) - blob.size()));
    }
    if (!blobs_.empty()) sink(zeros);
  }

 private:
  std::map<std::pair<const std::byte*, size_t>, uint64_t> places_;
  std::vector<std::span<const std::byte>> blobs_;
  uint64_t size_ = 0;
};

void write_record(ByteWriter& writer, const EngineRecord& record) {
  writer.text(record.kiln_version);
  writer.text(record.cpu);
  writer.number(static_cast<uint64_t>(record.threads));
  writer.number(record.options.size());
  for (const auto& [name, value] : record.options) {
    writer.text(name);
    writer.text(value);
  }
  writer.number(record.sources.size());
  for (const SourceFile& source : record.sources) {
    writer.text(source.name);
    writer.number(source.bytes);
    writer.raw(source.sha256);
  }
}

}  // namespace

std::string EngineSection::name() const {
  std::string text(kind_name(kind));
  return variant == 0 ? text : text + " " + std::to_string(variant);
}

bool is_engine_file(const std::string& path) {
  const OpenFile file = open_file(path);
  std::array<char, 4> begin{};
  if (file.size() < begin.size()) return false;
  file.read(0, std::as_writable_bytes(std::span(begin)));
  return begin == magic;
}

EngineFile EngineFile::open(const std::string& path) {
  auto mapping = std::make_shared<const MappedFile>(open_file(path));
  EngineFile file = from_memory(mapping->data(), mapping, path);
  for (const EngineSection& s : file.sections_) {
    if (s.is_structure()) continue;
    // A run reads all packed weights, but of plain ones some rows of an embedding at most.
    const Advice advice = s.kind == Kind::packed ? Advice::large_pages : Advice::small_pages;
    mapping->advise(advice, static_cast<size_t>(s.offset), static_cast<size_t>(s.size));
  }
  return file;
}

EngineFile EngineFile::from_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                                   std::string name) {
  EngineFile file;
  file.path_ = std::move(name);
  file.bytes_ = bytes;
  file.keeper_ = std::move(keeper);
  with_place([&] { file.read_header(); }, [&] { return file.path_; });
  return file;
}

void EngineFile::read_header() {
  Header header;
  if (bytes_.size() < sizeof header) {
    fail(ErrorCode::invalid_model, "header: found a file of {} bytes, expected at least {}", bytes_.size(),
         sizeof header);
  }
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.magic != magic) fail(ErrorCode::invalid_model, "header, offset 0: this is no engine file");
  const std::string writer = version_text(header.kiln_version);
  if (header.format_version == 0 || header.format_version > engine_format_version) {
    fail(ErrorCode::unsupported,
         "header, offset 4: this Kiln cannot read the engine\n  format version: found {}, expected at most {}\n  Kiln: "
         "found {}, this is "
         "{}\nUse a newer Kiln; or have the engine made anew, by `kiln rebuild` or from its model",
         header.format_version, engine_format_version, writer, KILN_VERSION);
  }
  if (header.file_size != bytes_.size()) {
    fail(ErrorCode::invalid_model, "header, offset 32: the file should have {} bytes, found {}", header.file_size,
         bytes_.size());
  }
  if (header.sections < 3 || header.sections > 3 + 2 * most_variants || header.sections % 2 == 0) {
    fail(ErrorCode::invalid_model, "header, offset 28: found {} sections", header.sections);
  }
  const auto table = checked_subspan(bytes_, sizeof header, header.sections * sizeof(TableEntry), "section table");
  if (const uint64_t found = header_checksum(header, table); found != header.checksum) {
    fail(ErrorCode::invalid_model, "header and section table: found the checksum {:016x}, expected {:016x}", found,
         header.checksum);
  }
  format_version_ = header.format_version;
  read_table(header.sections);
  read_record();
  if (header.packing_version != packing_version) {
    fail(ErrorCode::unsupported,
         "the weights of this engine are packed for other kernels\n  packing version: found {}, expected {}\n  Kiln: "
         "found {}, this is {}\n`kiln rebuild` makes the engine anew",
         header.packing_version, packing_version, writer, KILN_VERSION);
  }
}

void EngineFile::read_table(size_t count) {
  const size_t variants = (count - 3) / 2;
  uint64_t end = sizeof(Header) + count * sizeof(TableEntry);
  for (size_t i = 0; i < count; ++i) {
    TableEntry entry;
    std::memcpy(&entry, bytes_.data() + sizeof(Header) + i * sizeof entry, sizeof entry);
    const Kind kind = i == 0             ? Kind::record
                      : i == 1           ? Kind::graph
                      : i + 1 == count   ? Kind::weights
                      : i < 2 + variants ? Kind::machine
                                         : Kind::packed;
    const size_t variant = kind == Kind::machine ? i - 2 : kind == Kind::packed ? i - 2 - variants : 0;
    const uint64_t offset = round_up(end, alignment_of(kind));
    if (entry.kind != static_cast<uint32_t>(kind) || entry.variant != variant || entry.offset != offset ||
        offset > bytes_.size() || entry.size > bytes_.size() - offset) {
      fail(ErrorCode::invalid_model,
           "section table, entry {}: found section {} {} of {} bytes at {}, expected {} {} at {} in a file of {}", i,
           entry.kind, entry.variant, entry.size, entry.offset, kind_name(kind), variant, offset, bytes_.size());
    }
    sections_.push_back({kind, entry.variant, entry.offset, entry.size, entry.checksum});
    end = entry.offset + entry.size;
  }
  if (end != bytes_.size()) {
    fail(ErrorCode::invalid_model, "section table: the sections end at {}, the file at {}", end, bytes_.size());
  }
  for (const EngineSection& s : sections_) {
    if (!s.is_structure()) continue;
    if (const uint64_t found = checksum64(content(s)); found != s.checksum) {
      fail(ErrorCode::invalid_model, "section '{}' at offset {}: found the checksum {:016x}, expected {:016x}",
           s.name(), s.offset, found, s.checksum);
    }
  }
}

void EngineFile::read_record() {
  ByteReader from = reader(section(Kind::record));
  record_.kiln_version = from.text();
  record_.cpu = from.text();
  record_.threads = static_cast<int>(from.number_up_to(1 << 20, "a number of threads"));
  record_.options.resize(from.count("options", 2));
  for (auto& [name, value] : record_.options) {
    name = from.text();
    value = from.text();
  }
  record_.sources.resize(from.count("source files", 34));
  for (SourceFile& source : record_.sources) {
    source.name = from.text();
    source.bytes = from.number();
    source.sha256 = from.raw<Sha256Digest>();
  }
  from.expect_end();
}

const EngineSection& EngineFile::section(Kind kind, size_t variant) const {
  for (const EngineSection& s : sections_) {
    if (s.kind == kind && s.variant == variant) return s;
  }
  fail(ErrorCode::invalid_argument, "{}: the engine has no section '{} {}'", path_, kind_name(kind), variant);
}

std::span<const std::byte> EngineFile::content(const EngineSection& section) const {
  return bytes_.subspan(static_cast<size_t>(section.offset), static_cast<size_t>(section.size));
}

ByteReader EngineFile::reader(const EngineSection& section) const {
  return {content(section), "section '" + section.name() + "'"};
}

void EngineFile::verify_weights() const {
  uint64_t end = sizeof(Header) + sections_.size() * sizeof(TableEntry);
  for (const EngineSection& s : sections_) {
    for (; end < s.offset; ++end) {
      if (bytes_[static_cast<size_t>(end)] == std::byte{0}) continue;
      fail(ErrorCode::invalid_model, "{}: offset {}: found {} before section '{}', expected zeros", path_, end,
           static_cast<int>(bytes_[static_cast<size_t>(end)]), s.name());
    }
    end = s.offset + s.size;
    if (const uint64_t found = checksum64(content(s)); found != s.checksum) {
      fail(ErrorCode::invalid_model, "{}: section '{}' at offset {}: found the checksum {:016x}, expected {:016x}",
           path_, s.name(), s.offset, found, s.checksum);
    }
  }
}

ModelDef EngineFile::model() const {
  return with_place(
      [&] {
        ByteReader from = reader(section(Kind::graph));
        return read_model(from, {content(section(Kind::weights)), keeper_});
      },
      [&] { return path_; });
}

StoredMachine EngineFile::machine(size_t variant, const Program& program) const {
  return with_place(
      [&] {
        ByteReader from = reader(section(Kind::machine, variant));
        return read_machine(from, program, format_version_);
      },
      [&] { return path_; });
}

std::shared_ptr<const EngineDef> EngineFile::engine() const {
  if (variants() == 0) return EngineDef::create(model());
  const size_t chosen = choose_variant();
  const auto warming = std::make_shared<Warming>(content(section(Kind::packed, chosen)));
  std::shared_ptr<const EngineDef> made;
  warming->beside([&] {
    made = EngineDef::create(
        model(), [&](const EngineDef& engine) { return bound_machine(chosen, engine.program()); }, warming);
  });
  return made;
}

Machine EngineFile::bound_machine(size_t variant, const Program& program) const {
  StoredMachine stored = machine(variant, program);
  return with_place(
      [&] {
        return bind_machine(std::move(stored), program, {content(section(Kind::packed, variant)), keeper_});
      },
      [&] { return path_; });
}

size_t EngineFile::choose_variant() const {
  return with_place(
      [&] {
        size_t best = variants();
        Isa best_isa_here = Isa::portable;
        std::string differences;
        for (size_t i = 0; i < variants(); ++i) {
          ByteReader from = reader(section(Kind::machine, i));
          const MachineNeeds needs = read_machine_needs(from);
          const std::vector<std::string> missing = missing_features(needs.features);
          if (missing.empty() && needs.isa <= best_isa()) {
            if (best == variants() || needs.isa > best_isa_here) best = i, best_isa_here = needs.isa;
            continue;
          }
          differences += fmt::format("\n  instruction set: the engine is for {}, this process takes up to {}",
                                     isa_name(needs.isa), isa_name(best_isa()));
          for (const std::string& name : missing) {
            differences += fmt::format("\n  CPU feature {}: needed, but missing or forbidden", name);
          }
        }
        if (best == variants()) {
          fail(
              ErrorCode::unsupported,
              "this engine cannot run here:{}\n  CPU: it was built on {}, this is {}\n`kiln rebuild` makes it anew for "
              "this machine",
              differences, record_.cpu, cpu_name());
        }
        return best;
      },
      [&] { return path_; });
}

void write_engine_file(const std::string& path, const ModelDef& model, std::span<const Machine* const> machines,
                       const EngineRecord& record, Names names) {
  write_file_atomically(path, [&](FileWriter& file) {
    write_engine(
        [&](std::span<const std::byte> bytes, Kind kind) {
          // What machines have packed a run does not read again.
          const bool is_seldom_read = kind == Kind::weights && !machines.empty();
          file.write(bytes, is_seldom_read ? Written::let_go : Written::kept);
        },
        model, machines, record, names);
  });
}

void write_engine(FunctionRef<void(std::span<const std::byte>, Kind)> sink, const ModelDef& model,
                  std::span<const Machine* const> machines, const EngineRecord& record, Names names) {
  if (machines.size() > most_variants) {
    fail(ErrorCode::invalid_argument, "an engine has at most {} variants, not {}", most_variants, machines.size());
  }
  Blobs weights;
  std::vector<Blobs> packed(machines.size());
  std::vector<ByteWriter> structure(2 + machines.size());
  write_record(structure[0], record);
  write_model(
      structure[1], model, [&](std::span<const std::byte> bytes) { return weights.place(bytes); }, names);
  for (size_t i = 0; i < machines.size(); ++i) {
    write_machine(structure[2 + i], *machines[i],
                  [&](std::span<const std::byte> bytes) { return packed[i].place(bytes); });
  }
  packed.push_back(std::move(weights));

  std::vector<TableEntry> table;
  uint64_t end = sizeof(Header) + (structure.size() + packed.size()) * sizeof(TableEntry);
  const auto add = [&](Kind kind, size_t variant, uint64_t size, uint64_t checksum) {
    const uint64_t offset = round_up(end, alignment_of(kind));
    table.push_back({static_cast<uint32_t>(kind), static_cast<uint32_t>(variant), offset, size, checksum});
    end = offset + size;
  };
  for (size_t i = 0; i < structure.size(); ++i) {
    const Kind kind = i == 0 ? Kind::record : i == 1 ? Kind::graph : Kind::machine;
    add(kind, i < 2 ? 0 : i - 2, structure[i].data().size(), checksum64(structure[i].data()));
  }
  for (size_t i = 0; i < packed.size(); ++i) {
    const bool is_packed = i < machines.size();
    add(is_packed ? Kind::packed : Kind::weights, is_packed ? i : 0, packed[i].size(), packed[i].checksum());
  }

  Header header{.magic = magic,
                .format_version = engine_format_version,
                .kiln_version = {},
                .packing_version = packing_version,
                .sections = static_cast<uint32_t>(table.size()),
                .file_size = end,
                .checksum = 0,
                .reserved = {}};
  constexpr std::string_view version = KILN_VERSION;
  std::copy_n(version.begin(), std::min(version.size(), header.kiln_version.size()), header.kiln_version.begin());
  header.checksum = header_checksum(header, std::as_bytes(std::span(table)));

  // The header and the table go with the first section.
  sink(std::as_bytes(std::span(&header, 1)), Kind::record);
  sink(std::as_bytes(std::span(table)), Kind::record);
  uint64_t position = sizeof header + table.size() * sizeof(TableEntry);
  for (size_t i = 0; i < table.size(); ++i) {
    static constexpr std::array<std::byte, page> zeros{};
    const auto add_bytes = [&](std::span<const std::byte> bytes) { sink(bytes, static_cast<Kind>(table[i].kind)); };
    add_bytes(std::span(zeros).first(static_cast<size_t>(table[i].offset - position)));
    if (i < structure.size()) {
      add_bytes(structure[i].data());
    } else {
      packed[i - structure.size()].write(add_bytes);
    }
    position = table[i].offset + table[i].size;
  }
}

}  // namespace kiln
