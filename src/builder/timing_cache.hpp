#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// To be raised whenever a kernel becomes faster or slower: what was measured before no longer counts.
inline constexpr int kernel_version = 12;

/// What was measured, so that it need not be measured again. A file of lines, each of which stands by itself: files of
/// several machines may be joined line by line. A line that is damaged, or of another format, is passed over.
class TimingCache {
 public:
  struct Entry {
    double seconds = 0;
    bool thorough = false;  ///< measured for longer, among the best
    bool operator==(const Entry&) const = default;
  };

  /// `key` has no line breaks. A thorough measurement wins over a quick one, then the smaller.
  void put(const std::string& key, Entry entry);
  std::optional<Entry> find(const std::string& key) const;
  size_t size() const { return entries_.size(); }

  /// Takes in the lines of a file; returns how many were passed over.
  size_t merge(std::string_view text);
  std::string text() const;
  /// Seconds as they are kept: with four digits. What is used must be what will be read again.
  static double rounded(double seconds);

  /// Takes in what the file has; nothing where there is none or it cannot be read.
  void load(const std::string& path);
  /// Takes in what others wrote there meanwhile, and writes it anew; folders are made.
  void save(const std::string& path);

 private:
  std::map<std::string, Entry> entries_;
};

/// The file that the knob `timing_cache` names; by default one in the user's cache folder. "" for none.
std::string timing_cache_path();

}  // namespace kiln
