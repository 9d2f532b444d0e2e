#pragma once

#include <string>
#include <vector>

namespace kiln::cli {

/// Columns of text under a heading, each as wide as its widest cell.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string heading;
    Align align = Align::left;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  void print(const std::string& indent = "") const;
  std::string html() const;  ///< in a box that scrolls when it is wide; the classes are bench_page()'s

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Characters of an UTF-8 text.
size_t text_width(const std::string& text);

}  // namespace kiln::cli
