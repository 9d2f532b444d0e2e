#include "formats/onnx/external_data.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/safe_open.hpp"

namespace kiln::onnx {
namespace {

uint64_t parse_number(const std::string& text, std::string_view what) {
  uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value > INT64_MAX) {
    fail(ErrorCode::invalid_model, "the {} of its external data is '{}', which is no byte count", what, text);
  }
  return value;
}

/// A loader may look at any storage, so that it is only ever asked for names that stay inside a folder.
void check_location(const std::string& location) {
  if (location.empty()) fail(ErrorCode::invalid_model, "its external data has no location");
  bool leaves = location.front() == '/' || location.find('\0') != std::string::npos;
  for (size_t begin = 0; begin <= location.size();) {
    const size_t end = std::min(location.find('/', begin), location.size());
    leaves = leaves || location.compare(begin, end - begin, "..") == 0;
    begin = end + 1;
  }
  if (leaves) {
    fail(ErrorCode::invalid_model, "its external data '{}' lies outside the model's folder, which is refused",
         location);
  }
}

}  // namespace

ExternalBytes ExternalFiles::find(const Metadata& where, uint64_t needed, const ExternalLoader& loader) {
  std::string location;
  uint64_t offset = 0, length = needed;
  for (const auto& [key, value] : where) {
    if (key == "location")
      location = value;
    else if (key == "offset")
      offset = parse_number(value, key);
    else if (key == "length")
      length = parse_number(value, key);
  }
  check_location(location);
  if (length != needed) {
    fail(ErrorCode::invalid_model, "its external data has {} bytes where its type and shape need {}", length, needed);
  }
  if (loader) {
    ExternalBytes found = loader(location, offset, length);
    if (found.bytes.size() != length) {
      fail(ErrorCode::invalid_data, "the loader of external data gave {} bytes of '{}' where {} were asked for",
           found.bytes.size(), location, length);
    }
    return found;
  }
  if (folder_.empty()) {
    fail(ErrorCode::invalid_argument,
         "its data lies in the file '{}', and a model from memory has no folder: give one, or a loader", location);
  }
  auto& file = files_[location];
  if (!file) {
    file = std::make_shared<const MappedFile>(open_beneath(folder_, location));
    if (mapped_ != nullptr) mapped_->push_back(file);
  }
  if (offset > file->size() || length > file->size() - offset) {
    fail(ErrorCode::invalid_model, "its external data is {} bytes at {} of '{}', which has only {} bytes", length,
         offset, location, file->size());
  }
  return {file->data().subspan(offset, length), file};
}

}  // namespace kiln::onnx
