#pragma once

#include <CLI/App.hpp>

namespace kiln::cli {

/// How the program ends. docs/cli/kiln.md and --help say the same.
enum ExitCode : int {
  exit_good = 0,
  exit_wrong_data = 1,  ///< the model or data is wrong, or more than Kiln can do
  exit_wrong_use = 2,   ///< the command line is wrong
  exit_internal = 3,    ///< a fault in Kiln, or no memory
};

/// Each adds its subcommand to the program; when that is what the user asked for, it runs and leaves in `exit_code`
/// how it went. A kiln::Error that it throws is printed by main().
void add_run(CLI::App& program, int& exit_code);
void add_bench(CLI::App& program, int& exit_code);
void add_build(CLI::App& program, int& exit_code);
void add_rebuild(CLI::App& program, int& exit_code);
void add_compare(CLI::App& program, int& exit_code);
void add_ocr(CLI::App& program, int& exit_code);
void add_detect(CLI::App& program, int& exit_code);
void add_pose(CLI::App& program, int& exit_code);
void add_classify(CLI::App& program, int& exit_code);
void add_segment(CLI::App& program, int& exit_code);
void add_embed(CLI::App& program, int& exit_code);
void add_info(CLI::App& program, int& exit_code);
void add_check(CLI::App& program, int& exit_code);
void add_ops(CLI::App& program, int& exit_code);
void add_knobs(CLI::App& program, int& exit_code);
void add_completion(CLI::App& program, int& exit_code);

}  // namespace kiln::cli
