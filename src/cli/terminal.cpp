#include "cli/terminal.hpp"

#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace kiln::cli {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::bold: return "1";
    case Colour::dim: return "2";
    case Colour::red: return "31";
    case Colour::green: return "32";
    case Colour::yellow: return "33";
    case Colour::blue: return "34";
  }
  return "0";
}

bool wants_colour(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool refused = (no_color && *no_color) || (terminal && std::string_view(terminal) == "dumb");
  return !refused && is_terminal(stream);
}

}  // namespace

bool is_terminal(std::FILE* stream) { return isatty(fileno(stream)) == 1; }

std::string paint(std::string_view text, Colour colour, std::FILE* stream) {
  if (text.empty() || !wants_colour(stream)) return std::string(text);
  return "\x1b[" + std::string(code_of(colour)) + "m" + std::string(text) + "\x1b[0m";
}

int terminal_width(std::FILE* stream) {
  winsize size{};
  if (is_terminal(stream) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // 0x80 to 0x9f are control characters too; in UTF-8 they follow 0xc2.
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) ++i;
    if (c1 || byte < 0x20 || byte == 0x7f) {
      out += '?';
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace kiln::cli
