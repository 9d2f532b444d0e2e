#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/byte_codec.hpp"
#include "base/function_ref.hpp"
#include "graph/graph.hpp"

namespace kiln {

/// Elements of larger tensors stand in a section of their own: offsets there are multiples of this.
inline constexpr size_t weight_alignment = 64;

/// Finds a place among the weights for elements, and gives back where.
using PlaceWeights = FunctionRef<uint64_t(std::span<const std::byte> elements)>;
/// Whether names that only people read are written: of nodes, of values that are no inputs or outputs of the model,
/// with all descriptions and metadata beside them.
enum class Names { kept, stripped };
/// All of a model but the elements of larger tensors, which go to `place`.
void write_model(ByteWriter& writer, const ModelDef& model, PlaceWeights place, Names names = Names::kept);

/// Where the elements of tensors lie; `keeper` holds both the weights and the bytes that are read.
struct WeightSource {
  std::span<const std::byte> weights;
  std::shared_ptr<const void> keeper;
};
/// Tensors borrow their elements.
ModelDef read_model(ByteReader& reader, const WeightSource& source);

}  // namespace kiln
