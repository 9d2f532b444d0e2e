#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "builder/inner_results.hpp"
#include "cli/cli_knobs.hpp"
#include "cli/json.hpp"
#include "cli/subject.hpp"
#include "cli/usage_error.hpp"
#include "formats/npy/npy.hpp"
#include "formats/onnx/writer.hpp"

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

/// Ends with this status where there is no onnxruntime.
constexpr int no_onnxruntime = 77;
constexpr const char* script = R"(
import json, os, sys
sys.path = [folder for folder in sys.path if folder]  # what lies in the working folder is no module
try:
    import numpy, onnxruntime
except ImportError as error:
    sys.exit(print(error, file=sys.stderr) or 77)
folder = sys.argv[1]
if folder == "--probe":
    print(onnxruntime.__version__)
    sys.exit()
with open(os.path.join(folder, "request.json")) as file:
    request = json.load(file)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = request["threads"]
options.log_severity_level = 3
try:
    session = onnxruntime.InferenceSession(request["model"], options, providers=["CPUExecutionProvider"])
    feeds = {}
    for i, name in enumerate(request["inputs"]):
        value = numpy.load(os.path.join(folder, f"in{i}.npy"))
        feeds[name] = value.astype(object) if value.dtype.kind in "US" else value
    names = [output.name for output in session.get_outputs()]
    for i, value in enumerate(session.run(names, feeds)):
        if isinstance(value, numpy.ndarray):
            numpy.save(os.path.join(folder, f"out{i}.npy"), value.astype(str) if value.dtype == object else value)
    with open(os.path.join(folder, "outputs.json"), "w") as file:
        json.dump(names, file)
except Exception as error:
    sys.exit(str(error))
)";

/// A new folder that goes with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(fs::temp_directory_path() / "kiln-compare-XXXXXX") {
    std::string name = path_.string();
    if (::mkdtemp(name.data()) == nullptr) {
      fail(ErrorCode::io, "{}: cannot be made: {}", name, std::strerror(errno));
    }
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  std::string content = text.str();
  while (!content.empty() && content.back() == '\n') content.pop_back();
  return content;
}

/// Runs the script with one argument and returns what it printed; fails with what it complained of.
std::string run_script(const std::string& argument, const TemporaryFolder& folder) {
  const std::string python = python_knob.get(), said = folder / "said", complained = folder / "complained";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, complained.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::string arguments[] = {python, "-c", script, argument};
  char* pointers[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, python.c_str(), &actions, nullptr, pointers, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail_usage("ort: {} cannot be started: {} (knob python)", python, std::strerror(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == no_onnxruntime || code == 127) {
    fail_usage("ort: {} has no ONNX Runtime ({}); the knob python (KILN_PYTHON) says which Python to ask", python,
               content_of(complained));
  }
  if (code != 0) fail(ErrorCode::invalid_data, "ONNX Runtime: {}", content_of(complained));
  return content_of(said);
}

class OnnxRuntimeSubject : public Subject {
 public:
  explicit OnnxRuntimeSubject(std::string path) : path_(std::move(path)), model_(read_model(path_)) {
    version_ = run_script("--probe", TemporaryFolder());
  }

  std::string title() const override { return fmt::format("ONNX Runtime {} on {}", version_, path_); }
  std::vector<std::string> inner() const override { return made_values(model_.graph); }

  std::map<std::string, Value> run(const std::vector<FedInput>& feeds, const std::vector<std::string>& inner) override {
    const TemporaryFolder folder;
    Json request = {
        {"model", fs::absolute(path_).string()}, {"threads", default_pool().threads()}, {"inputs", Json::array()}};
    if (!inner.empty()) {
      request["model"] = folder / "model.onnx";
      write_onnx_file(with_results(model_, inner), folder / "model.onnx");
    }
    for (const FedInput& input : feeds) {
      if (!input.value.is_tensor()) fail_usage("ort: the input '{}' is no tensor", input.name);
      save_npy(folder / fmt::format("in{}.npy", request["inputs"].size()), input.value.tensor());
      request["inputs"].push_back(input.name);
    }
    std::ofstream(folder / "request.json") << request.dump();
    run_script(folder.path(), folder);
    const Json names = Json::parse(content_of(folder / "outputs.json"));
    std::map<std::string, Value> values;
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string file = folder / fmt::format("out{}.npy", i);
      if (fs::exists(file)) values.emplace(names[i].get<std::string>(), load_npy(file).clone());
    }
    return values;
  }

 private:
  std::string path_, version_;
  ModelDef model_;
};

}  // namespace

std::unique_ptr<Subject> open_onnxruntime(const std::string& path) {
  return std::make_unique<OnnxRuntimeSubject>(path);
}

}  // namespace kiln::cli
