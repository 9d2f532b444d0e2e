#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"

namespace kiln {

/// Appends numbers and texts to a buffer: integers in groups of 7 bits, floats as they are, texts with their length.
class ByteWriter {
 public:
  void byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void boolean(bool value) { byte(value ? 1 : 0); }
  void number(uint64_t value);
  void signed_number(int64_t value);
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void raw(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void bytes(std::span<const std::byte> bytes);
  void text(std::string_view text);
  void align(size_t alignment) { bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment); }

  std::span<const std::byte> data() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_;
};

/// Reads what a ByteWriter wrote. Everything is held against what is left before it is taken or allocated; what does
/// not fit is an Error that says the place.
class ByteReader {
 public:
  /// `place` is what messages call the bytes: "section 'graph'".
  ByteReader(std::span<const std::byte> bytes, std::string place) : bytes_(bytes), place_(std::move(place)) {}

  uint8_t byte() { return static_cast<uint8_t>(take(1)[0]); }
  bool boolean();
  uint64_t number();
  int64_t signed_number();
  template <class T>
  requires std::is_trivially_copyable_v<T> T raw() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::span<const std::byte> take(uint64_t count);
  std::string text() { return std::string(text_view()); }
  std::string_view text_view();  ///< lives as long as the bytes
  void align(size_t alignment);
  /// A number of things that take at least `least` bytes each.
  size_t count(std::string_view what, size_t least = 1);
  /// A number up to `last`.
  uint64_t number_up_to(uint64_t last, std::string_view what);
  /// One of an enumeration that ends with `last`.
  template <class E>
  E choice(E last, std::string_view what) {
    return static_cast<E>(number_up_to(static_cast<uint64_t>(last), what));
  }
  void expect_end();

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  template <class... Args>
  [[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) const {
    fail_at(fmt::vformat(format, fmt::make_format_args(args...)));
  }

 private:
  [[noreturn]] void fail_at(const std::string& what) const;

  std::span<const std::byte> bytes_;
  std::string place_;
  size_t position_ = 0;
};

}  // namespace kiln
