#include <fmt/core.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "base/thread_pool.hpp"
#include "cli/cli_knobs.hpp"
#include "cli/commands.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Exit codes:
  0  good
  1  the model or data is wrong, or asks for more than Kiln can do or its limits allow; for compare, answers differ
  2  wrong use: an unknown option, input or file
  3  a fault in Kiln, or no memory

Examples:
  kiln info model.onnx
  kiln check model.onnx
  kiln run model.onnx --input x=random:1x3x224x224 --print
  kiln --threads 4 --knob verify_shapes=true run model.onnx)";

int complain(std::string_view message, int code) {
  std::fflush(stdout);
  fmt::print(stderr, "{} {}\n", paint("kiln: error:", Colour::red, stderr), message);
  return code;
}

int exit_code_of(const Error& error) {
  const bool ours = error.code() == ErrorCode::internal || error.code() == ErrorCode::out_of_memory;
  return ours ? exit_internal : exit_wrong_data;
}

/// Sets what the command line says, and holds every other knob's variable to what the knob may be.
void set_knobs(const std::vector<std::string>& settings) {
  const KnobList knobs = program_knobs();
  for (const std::string& name : unknown_knob_variables(knobs)) {
    fmt::print(stderr, "{} the variable {} belongs to no knob (see `kiln knobs`)\n",
               paint("kiln: warning:", Colour::yellow, stderr), printable(name));
  }
  try {
    for (const std::string& setting : settings) {
      const size_t equals = setting.find('=');
      if (equals == std::string::npos) fail_usage("--knob {}: expected NAME=VALUE", setting);
      find_knob(knobs, setting.substr(0, equals)).set_text(std::string_view(setting).substr(equals + 1));
    }
    for (const KnobBase* knob : knobs) knob->value_text();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

int run_program(int argc, char** argv) {
  CLI::App program("Kiln runs ONNX models.", "kiln");
  program.footer(footer);
  program.set_version_flag("--version", "kiln " + std::string(version()));
  program.require_subcommand(1);
  program.fallthrough();
  int threads = 0;
  CLI::Option* threads_option =
      program.add_option("--threads", threads, "threads to use; 0 takes one for each usable core")
          ->check(CLI::Range(0, max_threads))
          ->type_name("N");
  std::vector<std::string> settings;
  program.add_option("--knob,--set", settings, "sets a knob for this run (see `kiln knobs`)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  std::vector<std::string> plugins;
  program.add_option("--plugin", plugins, "loads a library of custom operators (include/kiln/plugin.h)")
      ->type_name("LIB")
      ->allow_extra_args(false);
  // Knobs are set before the subcommand, which CLI11 runs while it parses, begins.
  program.parse_complete_callback([&] {
    set_knobs(settings);
    if (threads_option->count() > 0) set_threads(threads);
    for (const std::string& plugin : plugins) load_plugin(plugin);
  });

  int exit_code = exit_good;
  add_run(program, exit_code);
  add_bench(program, exit_code);
  add_build(program, exit_code);
  add_rebuild(program, exit_code);
  add_compare(program, exit_code);
  add_ocr(program, exit_code);
  add_detect(program, exit_code);
  add_pose(program, exit_code);
  add_classify(program, exit_code);
  add_segment(program, exit_code);
  add_embed(program, exit_code);
  add_info(program, exit_code);
  add_check(program, exit_code);
  add_ops(program, exit_code);
  add_knobs(program, exit_code);
  add_completion(program, exit_code);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& request) {
    program.exit(request);
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.get_subcommands();
    if (const auto rest = program.remaining(); chosen.empty() && !rest.empty() && !rest.front().starts_with("-")) {
      return complain(fmt::format("there is no command '{}' (see `kiln --help`)", rest.front()), exit_wrong_use);
    }
    const std::string command = chosen.empty() ? "kiln" : "kiln " + chosen.front()->get_name();
    return complain(fmt::format("{} (see `{} --help`)", error.what(), command), exit_wrong_use);
  }
  return exit_code;
}

int complain_of_output(int error) {
  return complain(fmt::format("the output cannot be written: {}", std::strerror(error)), exit_wrong_data);
}

int guarded(int argc, char** argv) {
  try {
    const int code = run_program(argc, argv);
    errno = 0;
    return std::fflush(stdout) != 0 || std::ferror(stdout) != 0 ? complain_of_output(errno) : code;
  } catch (const UsageError& error) {
    return complain(error.what(), exit_wrong_use);
  } catch (const Error& error) {
    return complain(error.what(), exit_code_of(error));
  } catch (const std::bad_alloc&) {
    return complain("out of memory", exit_internal);
  } catch (const std::system_error& error) {
    // From a print: what is longer than the buffer is written on the way.
    if (std::ferror(stdout) != 0) return complain_of_output(error.code().value());
    return complain(fmt::format("internal error: {}", error.what()), exit_internal);
  } catch (const std::exception& error) {
    return complain(fmt::format("internal error: {}", error.what()), exit_internal);
  }
}

}  // namespace
}  // namespace kiln::cli

int main(int argc, char** argv) { return kiln::cli::guarded(argc, argv); }
