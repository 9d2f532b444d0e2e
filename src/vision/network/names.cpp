#include "vision/network/names.hpp"

#include <algorithm>
#include <cstdlib>

namespace kiln::vision {

namespace {

constexpr size_t most_names = 100000;

/// The quoted text that begins at or after `at`, which is moved behind it; false where there is none.
bool next_quoted(const std::string& text, size_t& at, std::string& name) {
  const size_t quote = text.find_first_of("'\"", at);
  if (quote == std::string::npos) return false;
  name.clear();
  size_t i = quote + 1;
  for (; i < text.size() && text[i] != text[quote]; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    name += text[i];
  }
  at = i + 1;
  return true;
}

std::vector<std::string> parse_keys_and_names(const std::string& text) {
  std::vector<std::string> names;
  for (size_t at = 0; at < text.size();) {
    const size_t digit = text.find_first_of("0123456789", at);
    if (digit == std::string::npos) break;
    size_t index = 0, end = digit;
    for (; end < text.size() && text[end] >= '0' && text[end] <= '9' && index < most_names; ++end) {
      index = index * 10 + static_cast<size_t>(text[end] - '0');
    }
    std::string name;
    at = end;
    // A key in quotes, as JSON has it, ends with one.
    if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
    if (index >= most_names || !next_quoted(text, at, name)) break;
    if (names.size() <= index) names.resize(index + 1);
    names[index] = std::move(name);
  }
  return names;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size() && parts.size() < most_names;) {
    const size_t end = std::min(text.find(separator, at), text.size());
    const size_t first = std::min(text.find_first_not_of(" \t\r", at), end);
    const size_t last = text.find_last_not_of(" \t\r", end == 0 ? 0 : end - 1);
    parts.push_back(first < end ? text.substr(first, last + 1 - first) : "");
    at = end + 1;
  }
  return parts;
}

}  // namespace

const std::string* metadata_of(const ModelInfo& info, std::string_view key) {
  for (const auto& [name, text] : info.metadata) {
    if (name == key) return &text;
  }
  return nullptr;
}

std::vector<std::string> parse_names(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  if (text[first] == '{') return parse_keys_and_names(text);
  if (text[first] != '[') return split(text, text.find('\n') == std::string::npos ? ',' : '\n');
  std::vector<std::string> names;
  std::string name;
  for (size_t at = first; names.size() < most_names && next_quoted(text, at, name);) names.push_back(name);
  return names;
}

std::vector<std::string> names_of(const ModelInfo& info, const std::vector<std::string>& given) {
  if (!given.empty()) return given;
  for (const std::string_view key : {"names", "labels", "classes"}) {
    if (const std::string* text = metadata_of(info, key)) return parse_names(*text);
  }
  return {};
}

std::string name_at(const std::vector<std::string>& names, int64_t index) {
  const auto place = static_cast<size_t>(index);
  return index >= 0 && place < names.size() && !names[place].empty() ? names[place] : std::to_string(index);
}

std::vector<int64_t> whole_numbers_in(std::string_view text) {
  std::vector<int64_t> numbers;
  bool inside = false;
  for (const char letter : text) {
    const bool digit = letter >= '0' && letter <= '9';
    if (digit && !inside) numbers.push_back(0);
    if (digit) numbers.back() = std::min<int64_t>(numbers.back() * 10 + (letter - '0'), 1 << 20);
    inside = digit;
  }
  return numbers;
}

std::vector<float> numbers_in(const std::string& text) {
  std::vector<float> numbers;
  const char* at = text.c_str();
  const char* const end = at + text.size();
  while (at < end) {
    char* behind = nullptr;
    const bool begins = (*at >= '0' && *at <= '9') || *at == '-' || *at == '.';
    const float number = begins ? std::strtof(at, &behind) : 0;
    if (begins && behind != at) numbers.push_back(number);
    at = begins && behind != at ? behind : at + 1;
  }
  return numbers;
}

}  // namespace kiln::vision
