#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.hpp"
#include "runtime/engine.hpp"
#include "runtime/engine_record.hpp"
#include "runtime/machine_codec.hpp"

namespace kiln {

/// The layout of the file, of which engine_format_version is what this code writes, and the newest that it reads.
///
///     header     64 bytes: who wrote it, how long it is, and a checksum of the header and the table
///     table      of the sections: what, where, how long, checksum
///     record     how the engine was made, for people
///     graph      the portable graph with its small tensors
///     machine    for each instruction set: who does each node
///     packed     for each instruction set: weights as the kernels want them, from a page's begin on
///     weights    the plain elements of larger tensors, from a page's begin on
///
/// Everything is little-endian. Between sections there are zeros only.

struct EngineSection {
  enum class Kind : uint32_t { record = 1, graph, machine, packed, weights };
  Kind kind = Kind::record;
  uint32_t variant = 0;  ///< which machine, for `machine` and `packed`
  uint64_t offset = 0, size = 0, checksum = 0;

  std::string name() const;  ///< "packed 1"
  bool is_structure() const { return kind <= Kind::machine; }
};

/// An engine file, mapped. Reading it verifies the checksums of all but the weights.
class EngineFile {
 public:
  static EngineFile open(const std::string& path);
  /// From memory, which must live as long as `keeper` and be aligned to 64 bytes.
  static EngineFile from_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                                std::string name = "engine");

  uint32_t format_version() const { return format_version_; }
  uint64_t size() const { return bytes_.size(); }
  const EngineRecord& record() const { return record_; }
  const std::vector<EngineSection>& sections() const { return sections_; }
  size_t variants() const { return sections_.size() / 2 - 1; }

  /// Holds the weights against their checksums, and what lies between the sections against zero.
  void verify_weights() const;
  ModelDef model() const;
  /// The machine of one variant, read for people.
  StoredMachine machine(size_t variant, const Program& program) const;
  /// The same, made ready to run.
  Machine bound_machine(size_t variant, const Program& program) const;
  /// Ready to run by the variant that suits this machine best. Fails where none does, naming all that differs.
  std::shared_ptr<const EngineDef> engine() const;

 private:
  EngineFile() = default;
  void read_header();
  void read_table(size_t count);
  void read_record();
  size_t choose_variant() const;
  const EngineSection& section(EngineSection::Kind kind, size_t variant = 0) const;
  std::span<const std::byte> content(const EngineSection& section) const;
  ByteReader reader(const EngineSection& section) const;

  std::string path_;
  std::shared_ptr<const void> keeper_;
  std::span<const std::byte> bytes_;
  uint32_t format_version_ = 0;
  std::vector<EngineSection> sections_;
  EngineRecord record_;
};

/// Whether the file begins as engines do.
bool is_engine_file(const std::string& path);

/// Writes a model with the machines that were chosen for it, at most one for each instruction set. The bytes depend
/// on nothing else.
void write_engine_file(const std::string& path, const ModelDef& model, std::span<const Machine* const> machines,
                       const EngineRecord& record, Names names = Names::kept);
/// The same, piece by piece, each with the section that it is for.
void write_engine(FunctionRef<void(std::span<const std::byte>, EngineSection::Kind)> sink, const ModelDef& model,
                  std::span<const Machine* const> machines, const EngineRecord& record, Names names = Names::kept);

}  // namespace kiln
