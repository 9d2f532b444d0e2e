#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::fuzz {

/// A protobuf message taken apart without its schema: what can be read as a message within a message is taken for one.
/// Changing a field and writing the tree again gives a message whose lengths are right.
struct ProtoField {
  uint32_t number = 0;
  uint32_t wire = 0;          ///< 0 varint, 1 eight bytes, 2 bytes, 5 four bytes
  uint64_t number_value = 0;  ///< for 0, 1 and 5
  std::string bytes;          ///< for 2, unless `fields` has them
  bool is_message = false;
  std::vector<ProtoField> fields;
};

class ProtoReader {
 public:
  static std::optional<std::vector<ProtoField>> read(std::string_view text, int depth = 0) {
    ProtoReader reader(text);
    std::vector<ProtoField> fields;
    while (reader.at_ < text.size()) {
      ProtoField field;
      if (!reader.read_field(field, depth)) return {};
      fields.push_back(std::move(field));
    }
    return fields;
  }

 private:
  explicit ProtoReader(std::string_view text) : text_(text) {}

  bool read_field(ProtoField& field, int depth) {
    uint64_t tag = 0;
    if (!varint(tag) || tag >> 3 == 0 || tag >> 3 > 200) return false;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wire = static_cast<uint32_t>(tag & 7);
    if (field.wire == 0) return varint(field.number_value);
    if (field.wire == 1 || field.wire == 5) return fixed(field.wire == 1 ? 8 : 4, field.number_value);
    uint64_t length = 0;
    if (field.wire != 2 || !varint(length) || length > text_.size() - at_) return false;
    field.bytes = text_.substr(at_, length);
    at_ += length;
    if (depth < 24 && length > 1) {
      if (auto inner = read(field.bytes, depth + 1)) {
        field.is_message = true;
        field.fields = std::move(*inner);
      }
    }
    return true;
  }

  bool varint(uint64_t& value) {
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == text_.size()) return false;
      const auto byte = static_cast<unsigned char>(text_[at_++]);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return true;
    }
    return false;
  }

  bool fixed(size_t size, uint64_t& value) {
    if (text_.size() - at_ < size) return false;
    for (size_t i = 0; i < size; ++i) {
      value |= static_cast<uint64_t>(static_cast<unsigned char>(text_[at_ + i])) << 8 * i;
    }
    at_ += size;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

inline void write_varint(uint64_t value, std::string& out) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}

inline void write_fields(const std::vector<ProtoField>& fields, std::string& out) {
  for (const ProtoField& field : fields) {
    write_varint(uint64_t{field.number} << 3 | field.wire, out);
    if (field.wire == 0) {
      write_varint(field.number_value, out);
    } else if (field.wire == 2) {
      std::string content;
      if (field.is_message) write_fields(field.fields, content);
      const std::string& bytes = field.is_message ? content : field.bytes;
      write_varint(bytes.size(), out);
      out += bytes;
    } else {
      for (size_t i = 0; i < (field.wire == 1 ? 8u : 4u); ++i) out += static_cast<char>(field.number_value >> 8 * i);
    }
  }
}

}  // namespace kiln::fuzz
