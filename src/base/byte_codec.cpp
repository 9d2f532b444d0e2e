#include "base/byte_codec.hpp"

namespace kiln {

void ByteWriter::number(uint64_t value) {
  for (; value >= 0x80; value >>= 7) byte(static_cast<uint8_t>(value | 0x80));
  byte(static_cast<uint8_t>(value));
}

void ByteWriter::signed_number(int64_t value) {
  // Small numbers of either sign are short: 0, -1, 1, -2, ...
  number((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void ByteWriter::bytes(std::span<const std::byte> bytes) {
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void ByteWriter::text(std::string_view text) {
  number(text.size());
  bytes_.append(text);
}

bool ByteReader::boolean() { return number_up_to(1, "a yes or no") == 1; }

uint64_t ByteReader::number() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const uint8_t part = byte();
    if (shift == 63 && part > 1) break;
    value |= static_cast<uint64_t>(part & 0x7f) << shift;
    if (part < 0x80) return value;
  }
  wrong("found a number of more than 64 bits");
}

int64_t ByteReader::signed_number() {
  const uint64_t value = number();
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

std::span<const std::byte> ByteReader::take(uint64_t count) {
  if (count > left()) wrong("expected {} bytes more, found {}", count, left());
  const auto taken = bytes_.subspan(position_, static_cast<size_t>(count));
  position_ += static_cast<size_t>(count);
  return taken;
}

std::string_view ByteReader::text_view() {
  const auto taken = take(number());
  return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

void ByteReader::align(size_t alignment) {
  for (std::byte padding : take((alignment - position_ % alignment) % alignment)) {
    if (padding != std::byte{0}) wrong("found {} as padding, expected zeros", static_cast<int>(padding));
  }
}

size_t ByteReader::count(std::string_view what, size_t least) {
  const uint64_t found = number();
  if (found > left() / least) wrong("found {} {}, but only {} bytes are left", found, what, left());
  return static_cast<size_t>(found);
}

uint64_t ByteReader::number_up_to(uint64_t last, std::string_view what) {
  const uint64_t found = number();
  if (found > last) wrong("found {} as {}, expected at most {}", found, what, last);
  return found;
}

void ByteReader::expect_end() {
  if (left() > 0) wrong("found {} bytes more than expected", left());
}

void ByteReader::fail_at(const std::string& what) const {
  fail(ErrorCode::invalid_model, "{}, offset {}: {}", place_, position_, what);
}

}  // namespace kiln
