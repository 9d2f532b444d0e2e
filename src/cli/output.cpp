#include "cli/output.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "cli/elements.hpp"
#include "cli/terminal.hpp"
#include "formats/npy/npy.hpp"

namespace kiln::cli {
namespace {

constexpr int64_t shown_elements = 10;
constexpr size_t longest_name = 200;

void print_tensor(const std::string& indent, const Tensor& tensor) {
  if (is_numeric(tensor) && tensor.size() > 0) {
    const Summary summary = summarise(tensor);
    std::string line;
    if (summary.counted > 0) {
      line = fmt::format("min {:.6g}, max {:.6g}, mean {:.6g}", summary.min, summary.max, summary.mean);
    }
    if (summary.not_finite > 0) {
      line += fmt::format("{}{} not finite", line.empty() ? "" : ", ", summary.not_finite);
    }
    fmt::print("{}{}\n", indent, line);
  }
  fmt::print("{}{}\n", indent, first_elements(tensor, shown_elements));
}

void print_content(const std::string& indent, const Value& value) {
  if (value.is_tensor()) print_tensor(indent, value.tensor());
  if (value.is_sparse()) print_tensor(indent, value.sparse().values);
  if (value.is_map()) {
    fmt::print("{}keys {}\n", indent, first_elements(value.map().keys, shown_elements));
    fmt::print("{}values {}\n", indent, first_elements(value.map().values, shown_elements));
  }
  if (!value.is_sequence()) return;
  const std::vector<Value>& items = value.sequence().items;
  for (size_t i = 0; i < std::min<size_t>(items.size(), shown_elements); ++i) {
    fmt::print("{}#{}: {}\n", indent, i, items[i].describe());
    print_content(indent + "  ", items[i]);
  }
  if (items.size() > shown_elements) fmt::print("{}...\n", indent);
}

std::string safe_name(const std::string& name) {
  std::string safe = name.substr(0, longest_name);
  for (char& letter : safe) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '_' || letter == '-' || letter == '.';
    if (!plain) letter = '_';
  }
  if (safe.empty()) safe = "output";
  if (safe.front() == '.' || safe.front() == '-') safe.front() = '_';
  return safe;
}

}  // namespace

void print_value(const std::string& name, const Value& value, bool values) {
  fmt::print("{}: {}\n", paint(printable(name), Colour::bold), value.describe());
  if (values) print_content("  ", value);
}

Json output_json(const std::string& name, const Value& value) {
  Json json = {{"name", name}, {"type", value.describe()}};
  if (value.is_tensor()) {
    const Tensor& tensor = value.tensor();
    json["dtype"] = dtype_onnx_name(tensor.dtype());
    json["shape"] = tensor.shape();
    if (is_numeric(tensor)) {
      const Summary summary = summarise(tensor);
      const bool some = summary.counted > 0;
      json["min"] = some ? Json(summary.min) : Json();
      json["max"] = some ? Json(summary.max) : Json();
      json["mean"] = some ? number_json(summary.mean) : Json();
      json["not_finite"] = summary.not_finite;
    }
  }
  json["data"] = value_json(value);
  return json;
}

OutputFolder::OutputFolder(std::string folder) : folder_(std::move(folder)) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail(ErrorCode::io, "{}: the folder cannot be made: {}", folder_, error.message());
}

std::string OutputFolder::free_path(const std::string& name) {
  const std::string safe = safe_name(name);
  std::string candidate = safe;
  for (int i = 2; std::find(taken_.begin(), taken_.end(), candidate) != taken_.end(); ++i) {
    candidate = safe + "_" + std::to_string(i);
  }
  taken_.push_back(candidate);
  return folder_ + "/" + candidate + ".npy";
}

void OutputFolder::save(const std::string& name, const Value& value) {
  if (value.is_tensor()) save_npy(free_path(name), value.tensor());
  if (value.is_sparse()) {
    save_npy(free_path(name + ".values"), value.sparse().values);
    save_npy(free_path(name + ".indices"), value.sparse().indices);
  }
  if (value.is_map()) {
    save_npy(free_path(name + ".keys"), value.map().keys);
    save_npy(free_path(name + ".values"), value.map().values);
  }
  if (!value.is_sequence()) return;
  const std::vector<Value>& items = value.sequence().items;
  for (size_t i = 0; i < items.size(); ++i) save(fmt::format("{}.{}", name, i), items[i]);
}

}  // namespace kiln::cli
