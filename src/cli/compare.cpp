#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/atomic_write.hpp"
#include "base/error.hpp"
#include "cli/blame.hpp"
#include "cli/commands.hpp"
#include "cli/shape_options.hpp"
#include "cli/subject.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {
namespace {

struct CompareArguments {
  std::string a, b;
  FeedOptions feeds;
  Tolerance tolerance{.of_largest = 1e-3};
  bool per_layer = false, bisect = false;
  std::string json;
};

struct Row {
  std::string name, type;
  bool is_output = false;
  std::string maker;  ///< in B
  Difference off;

  /// A value inside that has another shape is another value of the same name.
  bool is_judged() const { return is_output || off.mismatch.empty(); }
  bool is_over() const { return is_judged() && !off.within(); }
};

struct Comparison {
  std::string a, b;
  std::vector<FedInput> feeds;
  std::vector<Row> rows;             ///< values inside in their order, then outputs
  std::vector<std::string> missing;  ///< outputs that only one of the two has
  std::optional<Blame> blame;

  const Row* first_over() const {
    const auto found = std::find_if(rows.begin(), rows.end(), [](const Row& row) { return row.is_over(); });
    return found == rows.end() ? nullptr : &*found;
  }
  bool is_within() const {
    return std::none_of(rows.begin(), rows.end(), [](const Row& row) { return row.is_output && row.is_over(); });
  }
};

/// Names of values inside that both have, in the order of A.
std::vector<std::string> shared_inner(const Subject& a, const Subject& b) {
  const std::vector<std::string> of_b = b.inner();
  const std::set<std::string> known(of_b.begin(), of_b.end());
  std::vector<std::string> names = a.inner();
  std::erase_if(names, [&](const std::string& name) { return !known.contains(name); });
  return names;
}

Comparison compare(const CompareArguments& options) {
  const SubjectName name_a = parse_subject(options.a), name_b = parse_subject(options.b);
  if (options.bisect && name_b.kind != SubjectName::Kind::engine && name_b.kind != SubjectName::Kind::optimized) {
    fail_usage("--bisect: found {} as B, expected an engine or an ONNX file that Kiln optimises", options.b);
  }
  const std::unique_ptr<Subject> a = open_subject(name_a, options.feeds.seed);
  const std::unique_ptr<Subject> b = open_subject(name_b, options.feeds.seed);
  Comparison result{a->title(), b->title(), {}, {}, {}, {}};
  const Model model = Model::load(name_a.path);
  result.feeds = make_feeds(model.inputs(), options.feeds);
  std::set<std::string> outputs;
  for (const PortInfo& port : model.outputs()) outputs.insert(port.name);
  std::vector<std::string> inner;
  if (options.per_layer) inner = shared_inner(*a, *b);
  std::erase_if(inner, [&](const std::string& name) { return outputs.contains(name); });
  const std::map<std::string, Value> expected = a->run(result.feeds, inner), found = b->run(result.feeds, inner);
  const auto add = [&](const std::string& name, bool is_output) {
    const auto left = expected.find(name), right = found.find(name);
    if (left == expected.end() || right == found.end()) {
      if (is_output) result.missing.push_back(name);
      return;
    }
    result.rows.push_back({name, left->second.describe(), is_output, b->maker(name),
                           difference(left->second, right->second, options.tolerance)});
  };
  for (const std::string& name : inner) add(name, false);
  const std::set<std::string> inside(inner.begin(), inner.end());
  for (const PortInfo& port : model.outputs()) add(port.name, true);
  for (const auto& [name, value] : found) {
    if (!outputs.contains(name) && !inside.contains(name)) result.missing.push_back(name);
  }
  if (std::none_of(result.rows.begin(), result.rows.end(), [](const Row& row) { return row.is_output; })) {
    fail(ErrorCode::invalid_data, "{} and {} have no output of the same name", result.a, result.b);
  }
  if (options.bisect && !result.is_within()) {
    const bool a_is_model = !Engine::is_engine_file(name_a.path);
    const std::string source = name_b.kind == SubjectName::Kind::optimized ? name_b.path
                               : a_is_model                                ? name_a.path
                                                                           : "";
    result.blame = find_blame(*b, source, result.feeds, expected, options.tolerance, options.feeds.seed);
  }
  return result;
}

std::string error_text(double error) { return error == 0 ? "0" : fmt::format("{:.2e}", error); }

std::string verdict(const Row& row, const Row* first) {
  if (!row.off.mismatch.empty()) return (row.is_output ? "over: " : "not the same: ") + printable(row.off.mismatch);
  if (row.off.within()) return "within";
  return fmt::format("over: {} of {}{}", row.off.over, row.off.elements, &row == first ? ", the first" : "");
}

void print(const Comparison& result, const CompareArguments& options) {
  fmt::print("{} {}\n{} {}\n", paint("A", Colour::bold), printable(result.a), paint("B", Colour::bold),
             printable(result.b));
  for (const FedInput& input : result.feeds) {
    fmt::print("{} {}: {} ({})\n", paint("input", Colour::dim), printable(input.name), input.value.describe(),
               printable(input.source));
  }
  constexpr Table::Align right = Table::Align::right;
  Table table({{options.per_layer ? "value" : "output"},
               {"type"},
               {"max abs", right},
               {"mean abs", right},
               {"max rel", right},
               {"mean rel", right},
               {"of largest", right},
               {"tolerance"}});
  const Row* const first = result.first_over();
  for (const Row& row : result.rows) {
    const Difference& off = row.off;
    table.add({(options.per_layer && row.is_output ? "output " : "") + printable(row.name), row.type,
               error_text(off.max_absolute), error_text(off.mean_absolute), error_text(off.max_relative),
               error_text(off.mean_relative), error_text(off.of_largest()), verdict(row, first)});
  }
  table.print();
  for (const std::string& name : result.missing)
    fmt::print("not compared: {}, which only one of the two has\n", printable(name));
  if (options.per_layer && first != nullptr && !first->maker.empty()) {
    fmt::print("first over the tolerance: {}, made by {}\n", printable(first->name), printable(first->maker));
  }
  if (result.blame) fmt::print("{} {}\n", paint("to blame:", Colour::bold), printable(result.blame->text));
  fmt::print("{}\n", result.is_within() ? paint("the outputs are within the tolerance", Colour::green)
                                        : paint("the outputs are over the tolerance", Colour::red));
}

Json json_of(const Comparison& result, const CompareArguments& options) {
  Json inputs = Json::array(), rows = Json::array();
  for (const FedInput& input : result.feeds) {
    inputs.push_back({{"name", input.name}, {"type", input.value.describe()}, {"source", input.source}});
  }
  const Row* const first = result.first_over();
  for (const Row& row : result.rows) {
    const Difference& off = row.off;
    rows.push_back({{"name", row.name},
                    {"type", row.type},
                    {"is_output", row.is_output},
                    {"maker", row.maker},
                    {"mismatch", off.mismatch},
                    {"elements", off.elements},
                    {"differing", off.differing},
                    {"over", off.over},
                    {"max_abs", number_json(off.max_absolute)},
                    {"mean_abs", number_json(off.mean_absolute)},
                    {"max_rel", number_json(off.max_relative)},
                    {"mean_rel", number_json(off.mean_relative)},
                    {"of_largest", number_json(off.of_largest())},
                    {"within", !row.is_over()}});
  }
  Json json = {{"a", result.a},
               {"b", result.b},
               {"inputs", inputs},
               {"tolerance",
                {{"of_largest", options.tolerance.of_largest},
                 {"relative", options.tolerance.relative},
                 {"absolute", options.tolerance.absolute}}},
               {"within", result.is_within()},
               {"first_over", first != nullptr ? Json(first->name) : Json()},
               {"values", rows},
               {"not_compared", result.missing}};
  if (options.bisect) json["blame"] = result.blame ? result.blame->json : Json();
  return json;
}

int run(const CompareArguments& options) {
  const Comparison result = compare(options);
  if (options.json == "-") {
    print_json(json_of(result, options));
  } else {
    if (!options.json.empty()) {
      const std::string text = json_of(result, options).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
      write_file_atomically(options.json, std::string_view(text));
    }
    print(result, options);
  }
  return result.is_within() ? exit_good : exit_wrong_data;
}

void add_options(CLI::App& command, CompareArguments& options) {
  command.add_option("a", options.a, "what is right")->required()->type_name("A");
  command.add_option("b", options.b, "what is held against it")->required()->type_name("B");
  command
      .add_option("--input,-i", options.feeds.inputs,
                  "what to feed an input, as `kiln run` takes it; random numbers without it")
      ->type_name("NAME=SOURCE")
      ->allow_extra_args(false);
  add_shape_option(command, options.feeds.shapes);
  command.add_option("--seed", options.feeds.seed, "of random inputs and random operators (default 1)")->type_name("N");
  command.add_flag("--per-layer,-l", options.per_layer, "compare also the values inside that both have, in order");
  const auto add_tolerance = [&](const std::string& name, double& value, const std::string& help) {
    command.add_option(name, value, help)->check(CLI::Range(0.0, 1e30))->type_name("T");
  };
  add_tolerance("--tol", options.tolerance.of_largest,
                "how far a number may be off, of the largest magnitude in its tensor (default 1e-3)");
  add_tolerance("--rtol", options.tolerance.relative, "and of its own magnitude (default 0)");
  add_tolerance("--atol", options.tolerance.absolute, "and at all (default 0)");
  command.add_flag("--bisect", options.bisect,
                   "where B is over the tolerance, find the rewrite of the graph or the layer to blame");
  command.add_option("--json", options.json, "write JSON; - prints it")->type_name("FILE");
}

}  // namespace

void add_compare(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("compare", "Runs two of a model's forms and shows how far they differ.");
  command->footer(R"(A and B are each one of
  PATH                 an engine; or an ONNX file, as Kiln optimises it to run it
  onnx:PATH            an ONNX file, as Kiln optimises it
  ref:PATH             an ONNX file as it stands, or the graph of an engine, by the reference code
  ort:PATH             an ONNX file by ONNX Runtime, if the Python named by KILN_PYTHON (python3) has it

Both get the same inputs. A number is over the tolerance where it is off by more than the sum of what
--tol, --rtol and --atol allow; integers, booleans and texts must be equal. Relative errors leave out
numbers that should be 0. Values inside are shown with --per-layer to find where a difference begins;
rewriting may keep a name and change the value, so the outputs alone decide.

--bisect runs B's graph by the reference code: if its answers are wrong, the rewrites are tried, by
halves, until the first is found that makes them so; else the layers, with more and more of them done
by reference code.

Exit codes: 0 within the tolerance, 1 over it (or a wrong model), 2 wrong use.

Examples:
  kiln compare ref:model.onnx model.kiln
  kiln compare ort:model.onnx model.onnx --input image=cat.jpg --per-layer
  kiln compare ref:model.onnx model.kiln --shape batch=4 --tol 1e-4 --bisect --json report.json)");
  auto options = std::make_shared<CompareArguments>();
  options->feeds.seed = 1;
  add_options(*command, *options);
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace kiln::cli
