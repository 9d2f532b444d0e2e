#include <fmt/core.h>

#include <CLI/Option.hpp>

#include "cli/commands.hpp"

namespace kiln::cli {
namespace {

/// The words that may begin an argument of this command: "--help --json".
std::string option_words(const CLI::App& command) {
  std::string words;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  }
  return words;
}

std::string command_words(const CLI::App& program) {
  std::string words;
  for (const CLI::App* command : program.get_subcommands(nullptr))
    words += (words.empty() ? "" : " ") + command->get_name();
  return words;
}

void print_bash(const CLI::App& program) {
  fmt::print(R"(_kiln() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} command= words i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${{COMP_WORDS[i]}} in -*) ;; *) command=${{COMP_WORDS[i]}}; break ;; esac
  done
  case $command in
)");
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    fmt::print("    {}) words='{} {}' ;;\n", command->get_name(), option_words(*command), option_words(program));
  }
  fmt::print(R"(    *) words='{} {}' ;;
  esac
  COMPREPLY=()
  if [[ -z $command || $word == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  elif [[ $command == completion ]]; then
    COMPREPLY=($(compgen -W "bash zsh fish" -- "$word"))
  fi
}}
complete -o default -F _kiln kiln
)",
             command_words(program), option_words(program));
}

/// One `'--name[description]'` for each long name, as zsh's _arguments reads it.
std::string zsh_options(const CLI::App& command) {
  std::string lines;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      std::string text;
      for (const char letter : option->get_description()) {
        if (letter == '[' || letter == ']' || letter == ':') text += '\\';
        text += letter == '\'' ? '"' : letter;
      }
      const char* value = option->get_items_expected_max() > 0 ? ":value:_files" : "";
      lines += fmt::format(" \\\n        '*--{}[{}]{}'", name, text, value);
    }
  }
  return lines;
}

void print_zsh(const CLI::App& program) {
  fmt::print("#compdef kiln\n_kiln() {{\n  local context state line\n");
  fmt::print("  _arguments -C{} \\\n    '1:command:({})' '*::argument:->rest'\n", zsh_options(program),
             command_words(program));
  fmt::print("  case $state in\n  rest)\n    case $words[1] in\n");
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    const char* arguments = command->get_name() == "completion" ? "'1:shell:(bash zsh fish)'" : "'*:file:_files'";
    fmt::print("    {})\n      _arguments{} \\\n        {} ;;\n", command->get_name(), zsh_options(*command),
               arguments);
  }
  fmt::print("    esac ;;\n  esac\n}}\ncompdef _kiln kiln\n");
}

std::string fish_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + "'";
}

void print_fish_options(const CLI::App& command, const std::string& condition) {
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const char* value = option->get_items_expected_max() > 0 ? " -r" : "";
      fmt::print("complete -c kiln{} -l {}{} -d {}\n", condition, name, value, fish_quoted(option->get_description()));
    }
  }
}

void print_fish(const CLI::App& program) {
  print_fish_options(program, "");
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    const std::string& name = command->get_name();
    fmt::print("complete -c kiln -n __fish_use_subcommand -f -a {} -d {}\n", name,
               fish_quoted(command->get_description()));
    print_fish_options(*command, fmt::format(" -n '__fish_seen_subcommand_from {}'", name));
  }
  fmt::print("complete -c kiln -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n");
}

}  // namespace

void add_completion(CLI::App& program, int& exit_code) {
  CLI::App* command =
      program.add_subcommand("completion", "Prints a script that completes kiln's arguments in a shell.");
  command->footer(R"(Examples:
  source <(kiln completion bash)
  kiln completion zsh > ~/.zfunc/_kiln
  kiln completion fish > ~/.config/fish/completions/kiln.fish)");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &program, &exit_code] {
    if (*shell == "bash") print_bash(program);
    if (*shell == "zsh") print_zsh(program);
    if (*shell == "fish") print_fish(program);
    exit_code = exit_good;
  });
}

}  // namespace kiln::cli
