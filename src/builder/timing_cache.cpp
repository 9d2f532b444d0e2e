#include "builder/timing_cache.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/atomic_write.hpp"
#include "builder/builder_knobs.hpp"

namespace kiln {
namespace {

/// Stands before every line; other formats have another.
constexpr std::string_view format_mark = "k1";

uint32_t checksum(std::string_view text) {
  return static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

/// The text up to the next tab, which is taken off the front.
std::string_view next_field(std::string_view& line) {
  const size_t tab = line.find('\t');
  const std::string_view field = line.substr(0, tab);
  line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
  return field;
}

template <class Number, class... Base>
bool read_number(std::string_view text, Number& number, Base... base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base...);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void TimingCache::put(const std::string& key, Entry entry) {
  const auto [place, is_new] = entries_.emplace(key, entry);
  if (is_new) return;
  Entry& old = place->second;
  if (entry.thorough != old.thorough ? entry.thorough : entry.seconds < old.seconds) old = entry;
}

std::optional<TimingCache::Entry> TimingCache::find(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

// mark TAB checksum of the rest TAB seconds TAB quick or thorough TAB key
size_t TimingCache::merge(std::string_view text) {
  size_t passed_over = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    Entry entry;
    uint32_t sum = 0;
    bool good = next_field(line) == format_mark && read_number(next_field(line), sum, 16) && checksum(line) == sum &&
                read_number(next_field(line), entry.seconds) && std::isfinite(entry.seconds) && entry.seconds >= 0;
    const std::string_view how = next_field(line);
    good = good && (how == "quick" || how == "thorough") && !line.empty();
    entry.thorough = how == "thorough";
    if (good) {
      put(std::string(line), entry);
    } else {
      ++passed_over;
    }
  }
  return passed_over;
}

std::string TimingCache::text() const {
  std::string text;
  for (const auto& [key, entry] : entries_) {
    const std::string rest = fmt::format("{:.4g}\t{}\t{}", entry.seconds, entry.thorough ? "thorough" : "quick", key);
    text += fmt::format("{}\t{:08x}\t{}\n", format_mark, checksum(rest), rest);
  }
  return text;
}

double TimingCache::rounded(double seconds) {
  double kept = seconds;
  read_number(fmt::format("{:.4g}", seconds), kept);
  return kept;
}

void TimingCache::load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return;
  merge(std::string(std::istreambuf_iterator<char>(file), {}));
}

void TimingCache::save(const std::string& path) {
  load(path);
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  write_file_atomically(path, text());
}

std::string timing_cache_path() {
  const std::string said = timing_cache_knob.get();
  if (said == "none") return "";
  if (said != "auto") return said;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return std::string(cache) + "/kiln/timings";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.cache/kiln/timings";
}

}  // namespace kiln
