// kiln_mutate CORPUS [--models N] [--tensors N] [--engines N] [--seed N] [--first N] [--jobs N] [--show]
//
// Changes the models and tensors of a corpus (make_corpus.py) at random, as told by the seed, and reads, checks and
// runs each in a process of its own. Every one must end in an answer or an Error, within 5 s and 1 GiB. Engines made
// of the models are damaged likewise: damage to the structure must be refused by loading, damage to the weights by
// verifying, and an engine with wrong weights must run all the same. Prints what
// did not, with the number that makes it again (--first), and a summary; the exit code says whether all is well.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "base/mapped_file.hpp"
#include "builder/build.hpp"
#include "fuzz/harness.hpp"
#include "fuzz/mutations.hpp"
#include "runtime/engine_bytes.hpp"

namespace kiln::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr auto longest = std::chrono::seconds(5);
constexpr int64_t most_kib = int64_t{1} << 20;
/// Numbers that no sanitizer ends a process with.
enum Outcome : int { answered = 40, refused = 41, leaked_exception = 42 };

struct Options {
  fs::path corpus;
  uint64_t models = 10000, tensors = 10000, engines = 0, seed = 1, first = 0;
  size_t jobs = std::max(1u, std::thread::hardware_concurrency());
  bool show = false;
};

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One model of the corpus with the tensors that it is run with, in files NAME.pb beside it.
struct Sample {
  fs::path folder;
  std::string model;
  std::vector<std::pair<std::string, std::string>> tensors;
};

std::vector<Sample> load_corpus(const fs::path& folder) {
  std::vector<Sample> samples;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!fs::exists(entry.path() / "model.onnx")) continue;
    Sample sample{entry.path(), read_file(entry.path() / "model.onnx"), {}};
    for (const auto& file : fs::directory_iterator(entry.path())) {
      if (file.path().extension() == ".pb") sample.tensors.emplace_back(file.path().stem(), read_file(file.path()));
    }
    std::sort(sample.tensors.begin(), sample.tensors.end());
    samples.push_back(std::move(sample));
  }
  std::sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) { return a.folder < b.folder; });
  return samples;
}

Type type_of_input(const ModelDef& model, const std::string& name) {
  const ValueId id = model.graph.find_value(name);
  return id == no_value ? Type() : model.graph.values[static_cast<size_t>(id)].type;
}

std::vector<NamedValue> read_values(const Sample& sample, const ModelDef& model, Dice* dice) {
  std::vector<NamedValue> values;
  const size_t chosen = dice ? dice->below(sample.tensors.size()) : 0;
  for (size_t i = 0; i < sample.tensors.size(); ++i) {
    const auto& [name, bytes] = sample.tensors[i];
    const Type type = type_of_input(model, name);
    std::string content = bytes;
    const bool here = dice && (i == chosen || dice->one_in(3));
    if (here && dice->one_in(4)) content = mutate_message(bytes, *dice);
    NamedValue read = read_value_proto(bytes_of(content), nullptr, type);
    read.name = name;
    if (here) read.value = mutate_value(read.value, *dice);
    values.push_back(std::move(read));
  }
  return values;
}

void try_model(const Sample& sample, Dice& dice) {
  const bool as_message = dice.one_in(2);
  const std::string bytes = as_message ? mutate_message(sample.model, dice) : sample.model;
  const std::shared_ptr<const void> keeper(bytes.data(), [](const void*) {});
  if (as_message) check_onnx_memory(bytes_of(bytes), keeper);
  ModelDef model = read_onnx_memory(bytes_of(bytes), keeper);
  if (!as_message) {
    mutate_model(model, dice);
    check_model(model);
  }
  std::vector<NamedValue> values;
  try {
    values = read_values(sample, model, nullptr);
  } catch (const Error&) {  // The types of the inputs are not those of the tensors any more: they get others.
  }
  if (dice.one_in(2)) loosen_inputs(model);
  run_optimized(std::move(model), values);
}

void try_tensors(const Sample& sample, Dice& dice) {
  ModelDef model = read_onnx_memory(bytes_of(sample.model), nullptr);
  const std::vector<NamedValue> values = read_values(sample, model, &dice);
  loosen_inputs(model);
  run_optimized(std::move(model), values);
}

/// Whether two files differ somewhere that loading looks at.
bool differs_in_structure(const EngineFile& sound, std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return true;
  std::vector<bool> is_structure(a.size(), false);
  const auto mark = [&](uint64_t offset, uint64_t size) {
    std::fill_n(is_structure.begin() + static_cast<int64_t>(offset), size, true);
  };
  for (const EngineSection& section : sound.sections()) {
    if (section.is_structure()) mark(section.offset, section.size);
  }
  mark(0, 64 + 32 * sound.sections().size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && is_structure[i]) return true;
  }
  return false;
}

bool is_refused(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    const std::string_view message = error.what();
    for (const char* place : {"header", "section", "offset"}) {
      if (message.find(place) != std::string_view::npos) return true;
    }
    fail(ErrorCode::internal, "an error without a place: {}", message);
  }
  return false;
}

/// Sizes for an engine: its inputs as they are given and smaller ones, each done in ways of their own.
void add_sizes(const EngineDef& engine, const std::vector<NamedValue>& values, Machine& machine) {
  Bucket given, small{.ways = 1};
  for (const Port& port : engine.inputs()) {
    Shape shape;
    for (const NamedValue& value : values) {
      if (value.name == port.name && value.value.is_tensor()) shape = value.value.tensor().shape();
    }
    small.inputs.emplace_back(shape.size(), 1);
    given.inputs.push_back(std::move(shape));
  }
  machine.others = {machine.steps};
  machine.profiles = {{small.inputs, given.inputs}};
  machine.buckets = {std::move(given), std::move(small)};
}

void try_engine(const Sample& sample, Dice& dice) {
  ModelDef model = read_onnx_memory(bytes_of(sample.model), nullptr);
  const std::vector<NamedValue> values = read_values(sample, model, nullptr);
  const bool has_sizes = dice.one_in(2);
  const auto engine = EngineDef::create(std::move(model), [&](const EngineDef& made) {
    Machine machine = build_machine(made, {.tune = Tune::off});
    if (has_sizes) add_sizes(made, values, machine);
    return machine;
  });
  const std::string whole = test::engine_bytes(*engine);
  const EngineFile sound = test::read_engine(whole);
  std::string bytes = whole;
  if (dice.one_in(3)) {
    for (size_t flips = 1 + dice.below(4); flips > 0; --flips) bytes[dice.below(bytes.size())] ^= 1 << dice.below(8);
  } else if (dice.one_in(2)) {
    // The weights are most of the file: here the structure gets its share.
    bytes[dice.below(std::min<size_t>(bytes.size(), 4096))] ^= 1 << dice.below(8);
  } else {
    mutate_bytes(bytes, dice);
  }
  const bool is_structure = differs_in_structure(sound, whole, bytes);
  const bool refused_by_load = is_refused([&] { test::read_engine(bytes).engine(); });
  if (refused_by_load != is_structure) {
    fail(ErrorCode::internal, "damage to the {} was {}", is_structure ? "structure" : "weights",
         refused_by_load ? "refused by loading" : "not noticed by loading");
  }
  if (!is_structure) {
    const bool refused_by_verify = is_refused([&] { test::read_engine(bytes).verify_weights(); });
    if (refused_by_verify != (bytes != whole)) fail(ErrorCode::internal, "verifying gave a wrong verdict");
    run_engine(test::read_engine(bytes).engine(), values);
    return;
  }
  // What the checksums catch, the readers must bear without them.
  if (dice.one_in(2)) {
    test::reseal(bytes);
    test::read_engine(bytes).engine();
  }
}

enum class Mutant { model, tensors, engine };

/// What the process of one trial does, and with what it ends.
[[noreturn]] void trial(const Sample& sample, Mutant mutant, uint64_t number, const Options& options) {
  int outcome = answered;
  try {
    set_small_limits();
    Dice dice(options.seed * 1'000'003 + number * 2 + (mutant == Mutant::model));
    if (mutant == Mutant::model) try_model(sample, dice);
    if (mutant == Mutant::tensors) try_tensors(sample, dice);
    if (mutant == Mutant::engine) try_engine(sample, dice);
    if (options.show) fmt::print("answered\n");
  } catch (const Error& error) {
    outcome = error.code() == ErrorCode::internal ? leaked_exception : refused;
    if (options.show || outcome != refused) fmt::print(stderr, "Error: {}\n", error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "an exception that is no Error: {}\n", error.what());
    outcome = leaked_exception;
  }
  std::fflush(nullptr);
  _exit(outcome);
}

class Campaign {
 public:
  Campaign(const Options& options, std::vector<Sample> samples) : options_(options), samples_(std::move(samples)) {
    log_ = (fs::temp_directory_path() / fmt::format("kiln_mutate_{}", getpid())).string();
    fs::create_directory(log_);
  }
  ~Campaign() { fs::remove_all(log_); }

  bool run() {
    run_kind(Mutant::model, options_.models);
    run_kind(Mutant::tensors, options_.tensors);
    run_kind(Mutant::engine, options_.engines);
    fmt::print("{} mutants: {} answered, {} refused with an Error, {} at fault; slowest {:.2f} s, largest {} MiB\n",
               answered_ + refused_ + faults_, answered_, refused_, faults_, slowest_, largest_kib_ / 1024);
    return faults_ == 0;
  }

 private:
  struct Child {
    Mutant mutant;
    uint64_t number;
    std::chrono::steady_clock::time_point start;
    bool killed = false;
  };

  const Sample& sample_of(uint64_t number) const { return samples_[number * 7919 % samples_.size()]; }
  std::string log_path(pid_t pid) const { return fmt::format("{}/{}", log_, pid); }

  void run_kind(Mutant mutant, uint64_t count) {
    uint64_t next = options_.first;
    const uint64_t end = options_.first + count;
    while (next < end || !children_.empty()) {
      while (next < end && children_.size() < options_.jobs) start(mutant, next++);
      if (!reap()) {
        kill_slow();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }

  void start(Mutant mutant, uint64_t number) {
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid < 0) fail(ErrorCode::io, "cannot fork");
    if (pid == 0) {
      if (!options_.show) {
        const int log = open(log_path(getpid()).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(log, 1);
        dup2(log, 2);
      }
      trial(sample_of(number), mutant, number, options_);
    }
    children_[pid] = {mutant, number, std::chrono::steady_clock::now()};
  }

  bool reap() {
    int status = 0;
    rusage usage{};
    const pid_t pid = wait4(-1, &status, WNOHANG, &usage);
    if (pid <= 0) return false;
    judge(children_.at(pid), pid, status, usage);
    children_.erase(pid);
    fs::remove(log_path(pid));
    return true;
  }

  void kill_slow() {
    for (auto& [pid, child] : children_) {
      // Time on the clock is not the child's own on a busy machine; judge() looks at that.
      if (child.killed || std::chrono::steady_clock::now() - child.start < 24 * longest) continue;
      kill(pid, SIGKILL);
      child.killed = true;
    }
  }

  void judge(const Child& child, pid_t pid, int status, const rusage& usage) {
    const double seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    slowest_ = std::max(slowest_, seconds);
    largest_kib_ = std::max<int64_t>(largest_kib_, usage.ru_maxrss);
    const bool ended = WIFEXITED(status) && (WEXITSTATUS(status) == answered || WEXITSTATUS(status) == refused);
    std::string fault;
    if (child.killed || seconds > static_cast<double>(longest.count())) {
      fault = fmt::format("took {:.1f} s", seconds);
    } else if (usage.ru_maxrss > most_kib) {
      fault = fmt::format("took {} MiB", usage.ru_maxrss / 1024);
    } else if (!ended) {
      fault = WIFSIGNALED(status) ? fmt::format("died of signal {}", WTERMSIG(status))
                                  : fmt::format("ended with {}", WEXITSTATUS(status));
    }
    if (fault.empty()) {
      ++(WEXITSTATUS(status) == answered ? answered_ : refused_);
      return;
    }
    ++faults_;
    constexpr const char* kinds[] = {"tensors 0 --models", "models 0 --tensors", "models 0 --tensors 0 --engines"};
    fmt::print("FAULT --{} 1 --first {}: {} {}\n{}\n", kinds[static_cast<size_t>(child.mutant)], child.number,
               sample_of(child.number).folder.filename().string(), fault, read_file(log_path(pid)).substr(0, 6000));
    std::fflush(stdout);
  }

  const Options& options_;
  std::vector<Sample> samples_;
  std::string log_;
  std::map<pid_t, Child> children_;
  uint64_t answered_ = 0, refused_ = 0, faults_ = 0;
  double slowest_ = 0;
  int64_t largest_kib_ = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--show") {
      options.show = true;
    } else if (!name.starts_with("--")) {
      options.corpus = name;
    } else if (i + 1 < argc) {
      const uint64_t value = std::strtoull(argv[++i], nullptr, 10);
      if (name == "--models") options.models = value;
      if (name == "--tensors") options.tensors = value;
      if (name == "--engines") options.engines = value;
      if (name == "--seed") options.seed = value;
      if (name == "--first") options.first = value;
      if (name == "--jobs") options.jobs = value;
    }
  }
  return options;
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::vector<Sample> samples;
  if (!options.corpus.empty()) samples = load_corpus(options.corpus);
  if (samples.empty()) {
    fmt::print(stderr,
               "usage: kiln_mutate CORPUS [--models N] [--tensors N] [--engines N] [--seed N] [--first N] [--jobs N] "
               "[--show]\n");
    return 2;
  }
  return Campaign(options, std::move(samples)).run() ? 0 : 1;
}

}  // namespace
}  // namespace kiln::fuzz

/// Read by the sanitizer: memory that cannot be had is bad_alloc, as without it, and little is kept back.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=900:quarantine_size_mb=8:detect_leaks=0";
}

int main(int argc, char** argv) { return kiln::fuzz::run(argc, argv); }
