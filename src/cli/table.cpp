#include "cli/table.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "cli/html.hpp"
#include "cli/terminal.hpp"

namespace kiln::cli {

size_t text_width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char letter) { return (letter & 0xc0) != 0x80; }));
}

void Table::print(const std::string& indent) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = text_width(columns_[i].heading);
    for (const auto& row : rows_) width = std::max(width, text_width(row[i]));
    widths.push_back(width);
  }
  const auto line = [&](const auto& cell) {
    std::string text = indent;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string content = cell(i);
      const std::string blanks(widths[i] - text_width(content), ' ');
      text += columns_[i].align == Align::right ? blanks + content : content + blanks;
      text += "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  fmt::print("{}\n", paint(line([&](size_t i) { return columns_[i].heading; }), Colour::bold));
  for (const auto& row : rows_) fmt::print("{}\n", line([&](size_t i) { return row[i]; }));
}

std::string Table::html() const {
  const auto line = [&](std::string_view tag, const auto& cell) {
    std::string text = "<tr>";
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string_view style = columns_[i].align == Align::right ? " class=\"number\"" : "";
      text += fmt::format("<{0}{1}>{2}</{0}>", tag, style, html_text(cell(i)));
    }
    return text + "</tr>\n";
  };
  std::string text = "<div class=\"wide\"><table>\n" + line("th", [&](size_t i) { return columns_[i].heading; });
  for (const auto& row : rows_) text += line("td", [&](size_t i) { return row[i]; });
  return text + "</table></div>\n";
}

}  // namespace kiln::cli
