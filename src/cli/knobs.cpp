#include <fmt/core.h>

#include "cli/cli_knobs.hpp"
#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace kiln::cli {
namespace {

std::string_view source_name(KnobBase::Source source) {
  switch (source) {
    case KnobBase::Source::default_value: return "default";
    case KnobBase::Source::environment: return "environment";
    case KnobBase::Source::set: return "set";
  }
  return "?";
}

std::string_view kind_name(KnobBase::Kind kind) {
  switch (kind) {
    case KnobBase::Kind::boolean: return "boolean";
    case KnobBase::Kind::integer: return "integer";
    case KnobBase::Kind::real: return "real";
    case KnobBase::Kind::text: return "text";
    case KnobBase::Kind::choice: return "choice";
  }
  return "?";
}

void print_knobs_json() {
  Json list = Json::array();
  for (const KnobBase* knob : program_knobs()) {
    list.push_back({{"name", knob->name()},
                    {"variable", knob->variable()},
                    {"kind", kind_name(knob->kind())},
                    {"value", knob->value_text()},
                    {"default", knob->default_text()},
                    {"source", source_name(knob->source())},
                    {"expected", knob->expected()},
                    {"help", knob->help()}});
  }
  print_json(list);
}

void print_knobs() {
  Table table({{"knob"}, {"value", Table::Align::right}, {"from"}, {"default", Table::Align::right}, {"variable"}});
  for (const KnobBase* knob : program_knobs()) {
    table.add({std::string(knob->name()), printable(knob->value_text()), std::string(source_name(knob->source())),
               knob->default_text(), std::string(knob->variable())});
  }
  table.print();
  fmt::print("\n");
  for (const KnobBase* knob : program_knobs()) {
    fmt::print("{}: {}; {}\n", paint(knob->name(), Colour::bold), knob->help(), knob->expected());
  }
}

}  // namespace

void add_knobs(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("knobs", "Lists the options that steer Kiln itself, and their values.");
  command->footer(R"(A knob is set by --knob NAME=VALUE, or by its variable for every program that uses Kiln.

Examples:
  kiln knobs
  KILN_THREADS=2 kiln knobs --json
  kiln run model.onnx --knob max_tensor_bytes=2G)");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "print JSON");
  command->callback([json, &exit_code] {
    *json ? print_knobs_json() : print_knobs();
    exit_code = exit_good;
  });
}

}  // namespace kiln::cli
