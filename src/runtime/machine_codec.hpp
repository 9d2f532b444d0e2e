#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/graph_codec.hpp"
#include "runtime/machine.hpp"

namespace kiln {

/// Of engine files: from 2 on, machines have ways for sizes; from 3 on, sequels.
inline constexpr uint32_t engine_format_version = 3;

/// What a CPU must have for a machine.
struct MachineNeeds {
  Isa isa = Isa::portable;
  std::vector<std::string> features;
};

/// Ways to do all groups, as they stand in a file: the tactics by name, so that it can be read about where they cannot
/// run.
struct StoredWays {
  std::vector<MachineStep> steps;    ///< without tactics and packed weights
  std::vector<std::string> tactics;  ///< of each step; "" for reference code
  std::vector<uint64_t> packed;      ///< offsets among the packed weights
};

/// A machine in a file.
struct StoredMachine : StoredWays {
  struct StoredBody;

  MachineNeeds needs;
  std::vector<StoredWays> others;
  std::vector<Bucket> buckets;
  std::vector<ShapeLimits> profiles;
  std::vector<StoredBody> bodies;

  const StoredWays& ways(size_t number) const { return number == 0 ? *this : others[number - 1]; }
};

/// A Body without what follows from the program.
struct StoredMachine::StoredBody {
  size_t node = 0;
  std::optional<size_t> which;
  std::vector<bool> follows_shapes;
  StoredMachine machine;
};

/// What a CPU must have for the kernels of an instruction set, and for nothing else: {"avx2", "f16c", "fma"}.
std::vector<std::string> features_of(Isa isa);
/// Those of `features` that this machine lacks or the knob `isa` forbids.
std::vector<std::string> missing_features(const std::vector<std::string>& features);

void write_machine(ByteWriter& writer, const Machine& machine, PlaceWeights place);
/// The begin of what write_machine() wrote.
MachineNeeds read_machine_needs(ByteReader& reader);
/// Holds everything against the program: the steps do each of its nodes once, after what they read. `format` is that of
/// the engine file.
StoredMachine read_machine(ByteReader& reader, const Program& program, uint32_t format = engine_format_version);
/// Finds tactics and packed weights. Fails where this Kiln has no such tactic.
Machine bind_machine(StoredMachine stored, const Program& program, const WeightSource& packed);

}  // namespace kiln
