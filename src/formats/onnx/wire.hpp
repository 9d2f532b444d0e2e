#pragma once

#include <protozero/varint.hpp>

#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

namespace kiln::onnx {

/// Thrown inside the reader where the bytes are no protobuf message; it never leaves the reader.
class WireError : public std::exception {
 public:
  WireError(const char* at, std::string message) : at_(at), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  const char* at() const { return at_; }

 private:
  const char* at_;
  std::string message_;
};

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// Walks the fields of one protobuf message without copying. Lengths are 64 bits wide, unlike those of protozero's own
/// reader, so that a message may be larger than 4 GiB. Every access checks the wire type and the bytes that are left.
class WireReader {
 public:
  explicit WireReader(std::string_view message)
      : here_(message.data()), end_(message.data() + message.size()), field_at_(here_) {}

  /// Goes to the next field; each must then be read or skipped.
  bool next() {
    if (here_ == end_) return false;
    field_at_ = here_;
    const uint64_t tag = take_varint();
    if (tag >> 32 || tag >> 3 == 0)
      throw WireError(field_at_, "a field with the impossible tag " + std::to_string(tag));
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint8_t>(tag & 7);
    return true;
  }

  uint32_t field() const { return field_; }
  bool is_bytes() const { return type_ == static_cast<uint8_t>(WireType::bytes); }

  uint64_t varint() {
    expect(WireType::varint);
    return take_varint();
  }
  int64_t int64() { return static_cast<int64_t>(varint()); }
  int32_t int32() { return static_cast<int32_t>(varint()); }
  float float32() {
    expect(WireType::fixed32);
    return take_fixed<float>();
  }
  std::string_view bytes() {
    expect(WireType::bytes);
    return take(take_varint());
  }
  void skip() {
    switch (static_cast<WireType>(type_)) {
      case WireType::varint: take_varint(); return;
      case WireType::fixed64: take(8); return;
      case WireType::bytes: bytes(); return;
      case WireType::fixed32: take(4); return;
    }
    throw WireError(field_at_,
                    "field " + std::to_string(field_) + " has the unknown wire type " + std::to_string(type_));
  }

  /// Calls `body` with each number of a repeated varint field, packed or not.
  template <class Body>
  void varints(Body&& body) {
    if (!is_bytes()) return body(varint());
    for (WireReader packed(bytes()); packed.here_ != packed.end_;) body(packed.take_varint());
  }
  /// The same for float (T of 4 bytes) and double (T of 8 bytes).
  template <class T, class Body>
  void fixed(Body&& body) {
    if (!is_bytes()) {
      expect(sizeof(T) == 4 ? WireType::fixed32 : WireType::fixed64);
      return body(take_fixed<T>());
    }
    WireReader packed(bytes());
    while (packed.here_ != packed.end_) body(packed.take_fixed<T>());
  }

 private:
  void expect(WireType type) const {
    if (type_ == static_cast<uint8_t>(type)) return;
    throw WireError(field_at_, "field " + std::to_string(field_) + " has wire type " + std::to_string(type_) +
                                   " where " + std::to_string(static_cast<int>(type)) + " is expected");
  }
  uint64_t take_varint() {
    try {
      return protozero::decode_varint(&here_, end_);
    } catch (const protozero::exception&) {
      throw WireError(here_, end_ - here_ < protozero::max_varint_length ? "the data ends inside a number"
                                                                         : "a number is longer than 64 bits");
    }
  }
  std::string_view take(uint64_t length) {
    const auto left = static_cast<uint64_t>(end_ - here_);
    if (length > left) {
      throw WireError(field_at_, "field " + std::to_string(field_) + " claims " + std::to_string(length) +
                                     " bytes where " + std::to_string(left) + " are left");
    }
    const std::string_view taken(here_, static_cast<size_t>(length));
    here_ += length;
    return taken;
  }
  template <class T>
  T take_fixed() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  const char* here_;
  const char* end_;
  const char* field_at_;
  uint32_t field_ = 0;
  uint8_t type_ = 0;
};

}  // namespace kiln::onnx
