#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "formats/onnx/reader.hpp"
#include "graph/type.hpp"

namespace kiln {

struct NamedValue {
  std::string name;
  Value value;
};

/// Reads one value as ONNX keeps them in .pb files: a TensorProto, SparseTensorProto, SequenceProto, MapProto or
/// OptionalProto. The bytes do not say which, so that `type` must; an unknown one stands for a tensor. Raw data is
/// borrowed from memory that `keeper` keeps alive, and copied without one. Fails with invalid_data.
NamedValue read_value_proto(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper, const Type& type = {},
                            const ReadOptions& options = {});
NamedValue read_value_proto_file(const std::string& path, const Type& type = {}, const ReadOptions& options = {});

/// The reverse. A value of an optional type is written as an OptionalProto; without a type, by what the value is.
std::string write_value_proto(const Value& value, const std::string& name = {}, const Type& type = {});

}  // namespace kiln
