#pragma once

#include <protozero/varint.hpp>

#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.hpp"
#include "formats/onnx/wire.hpp"
#include "kiln/tensor.hpp"

namespace kiln::onnx {

/// A protobuf message being made, as a chain of pieces: the bytes of large tensors are referred to, not copied, until
/// the whole is emitted. Nested messages may be larger than 4 GiB.
class WireWriter {
 public:
  void varint(uint32_t field, uint64_t value) {
    tag(field, WireType::varint);
    put_varint(value);
  }
  void int64(uint32_t field, int64_t value) { varint(field, static_cast<uint64_t>(value)); }
  void float32(uint32_t field, float value) {
    tag(field, WireType::fixed32);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    put({raw, sizeof raw});
  }
  void bytes(uint32_t field, std::string_view value) {
    tag(field, WireType::bytes);
    put_varint(value.size());
    put(value);
  }
  /// Left out when empty, as absent and empty mean the same.
  void text(uint32_t field, std::string_view value) {
    if (!value.empty()) bytes(field, value);
  }
  /// The memory of a tensor, which this message then shares.
  void elements(uint32_t field, const Tensor& tensor) {
    const std::string_view raw(static_cast<const char*>(tensor.raw()), tensor.bytes());
    if (raw.size() < smallest_shared) return bytes(field, raw);
    tag(field, WireType::bytes);
    put_varint(raw.size());
    pieces_.push_back({{}, tensor});
    size_ += raw.size();
  }
  void message(uint32_t field, WireWriter&& nested) {
    tag(field, WireType::bytes);
    put_varint(nested.size_);
    size_ += nested.size_;
    auto next = nested.pieces_.begin();
    if (next != nested.pieces_.end() && !next->shared.defined()) own() += (next++)->owned;
    std::move(next, nested.pieces_.end(), std::back_inserter(pieces_));
  }

  size_t size() const { return size_; }
  void emit(FunctionRef<void(std::string_view)> sink) const {
    for (const Piece& piece : pieces_) {
      if (piece.shared.defined())
        sink({static_cast<const char*>(piece.shared.raw()), piece.shared.bytes()});
      else
        sink(piece.owned);
    }
  }

 private:
  static constexpr size_t smallest_shared = 4096;

  /// Either own bytes or those of a tensor.
  struct Piece {
    std::string owned;
    Tensor shared;
  };

  std::string& own() {
    if (pieces_.empty() || pieces_.back().shared.defined()) pieces_.emplace_back();
    return pieces_.back().owned;
  }
  void put(std::string_view raw) {
    own() += raw;
    size_ += raw.size();
  }
  void put_varint(uint64_t value) {
    size_ += static_cast<size_t>(protozero::write_varint(std::back_inserter(own()), value));
  }
  void tag(uint32_t field, WireType type) { put_varint(uint64_t{field} << 3 | static_cast<uint64_t>(type)); }

  std::vector<Piece> pieces_;
  size_t size_ = 0;
};

}  // namespace kiln::onnx
