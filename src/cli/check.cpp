#include <fmt/core.h>

#include <map>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "kiln/check.hpp"

namespace kiln::cli {
namespace {

struct CheckArguments {
  std::string model;
  bool json = false;
  bool quiet = false;
};

struct Counts {
  size_t errors = 0, warnings = 0;
};

Counts count(const std::vector<CheckFinding>& findings) {
  Counts counts;
  for (const CheckFinding& finding : findings) ++(finding.is_error ? counts.errors : counts.warnings);
  return counts;
}

Json report_json(const std::string& model, const std::vector<CheckFinding>& findings) {
  Json list = Json::array();
  for (const CheckFinding& finding : findings) {
    list.push_back({{"severity", finding.is_error ? "error" : "warning"},
                    {"rule", finding.rule},
                    {"place", finding.place},
                    {"message", finding.message},
                    {"help", finding.help}});
  }
  const Counts counts = count(findings);
  return {{"model", model}, {"errors", counts.errors}, {"warnings", counts.warnings}, {"findings", std::move(list)}};
}

std::string number_of(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// Findings of one rule stand together, in the order in which each rule was first broken.
void print_group(const std::vector<const CheckFinding*>& group) {
  const CheckFinding& first = *group.front();
  const std::string kind = first.is_error ? paint("error", Colour::red) : paint("warning", Colour::yellow);
  fmt::print("{} {}\n", kind, paint(first.rule, Colour::bold));
  std::string help;
  for (const CheckFinding* finding : group) {
    fmt::print("  {}: {}\n", printable(finding->place), printable(finding->message));
    if (!finding->help.empty() && finding->help != help) {
      help = finding->help;
      fmt::print("    {}\n", paint(printable(help), Colour::dim));
    }
  }
}

void print_report(const CheckArguments& options, const std::vector<CheckFinding>& findings) {
  std::vector<std::vector<const CheckFinding*>> groups;
  std::map<std::pair<bool, std::string_view>, size_t> places;
  for (const CheckFinding& finding : findings) {
    if (options.quiet && !finding.is_error) continue;
    const auto [place, added] = places.try_emplace({finding.is_error, finding.rule}, groups.size());
    if (added) groups.emplace_back();
    groups[place->second].push_back(&finding);
  }
  for (const auto& group : groups) print_group(group);
  const Counts counts = count(findings);
  const std::string verdict = counts.errors == 0 ? paint("sound", Colour::green) : paint("not sound", Colour::red);
  fmt::print("{}: {}, {}, {}\n", printable(options.model), verdict, number_of(counts.errors, "error"),
             number_of(counts.warnings, "warning"));
}

}  // namespace

void add_check(CLI::App& program, int& exit_code) {
  CLI::App* command =
      program.add_subcommand("check", "Finds all that is wrong with a model at once, or damage to an engine.");
  command->footer(R"(Errors are what the standard forbids, what the rules of operators for types and shapes contradict,
and what Kiln cannot run; warnings are what is merely useless. Weights are not read.
Of an engine, every byte is held against the file's checksums.
Exits with 1 when there is an error.

Examples:
  kiln check model.onnx
  kiln check model.onnx --quiet
  kiln check model.onnx --json
  kiln check model.kiln)");
  auto options = std::make_shared<CheckArguments>();
  command->add_option("model", options->model, "an ONNX or engine file")->required()->type_name("MODEL");
  command->add_flag("--json", options->json, "print JSON");
  command->add_flag("--quiet", options->quiet, "leave warnings out of the text");
  command->callback([options, &exit_code] {
    require_file(options->model);
    const std::vector<CheckFinding> findings = check_file(options->model);
    if (options->json) {
      print_json(report_json(options->model, findings));
    } else {
      print_report(*options, findings);
    }
    exit_code = count(findings).errors == 0 ? exit_good : exit_wrong_data;
  });
}

}  // namespace kiln::cli
