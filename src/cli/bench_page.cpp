#include "cli/bench_page.hpp"

#include <fmt/core.h>

#include <ctime>
#include <string_view>

#include "base/cpu.hpp"
#include "cli/html.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {
namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --paper: #fbfaf8; --ink: #22211f; --faint: #6f6c66; --rule: #dcd8d0; --bar: #2f6f9f;
  --mark: #b4531a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #191816; --ink: #ebe8e2; --faint: #a19d95; --rule: #3a3834; --bar: #6aa9d8; --mark: #f0975a; }
}
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin-bottom: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; }
p, li { color: var(--faint); overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .8rem 0 1.8rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-weight: 600; color: var(--faint); }
th.number, td.number { text-align: right; }
th:first-child, td:first-child { padding-left: 0; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 12px; }
.bar { fill: var(--bar); }
.bar:hover { fill: var(--mark); }
.rule { stroke: var(--rule); }
.dot { fill: var(--bar); fill-opacity: .55; }
.dot:hover { fill: var(--mark); }
.roof { fill: none; stroke: var(--mark); stroke-width: 2; }
.mark { stroke: var(--mark); stroke-dasharray: 4 3; }
svg text.marked { fill: var(--mark); }
)";

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32] = "";
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return text;
}

}  // namespace

std::string bench_page(const std::string& model, const std::vector<std::string>& inputs, const std::string& body) {
  const std::string name = html_text(model);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{} - kiln bench</title>\n"
      "<style>{}</style>\n</head>\n<body>\n",
      name, style);
  page += fmt::format("<h1>{}</h1>\n<p>Kiln {}, {}, {}, {}</p>\n<ul>\n", name, version(), html_text(cpu_name()),
                      isa_name(best_isa()), today());
  for (const std::string& input : inputs) page += fmt::format("<li>{}</li>\n", html_text(input));
  return page + "</ul>\n" + body + "</body>\n</html>\n";
}

}  // namespace kiln::cli
