#pragma once

/// Kiln's C++ API: everything a program needs is in this header.
///
///     kiln::Session session(kiln::Model::load("model.onnx"));    // or, made once and then loaded in no time:
///     kiln::Engine::build(kiln::Model::load("model.onnx")).save("model.kiln");
///     kiln::Session session(kiln::Engine::load("model.kiln"));
///     std::vector<kiln::Value> outputs = session.run({{"x", kiln::Tensor::from<float>({1, 3}, values)}});
///
/// Every failure is a kiln::Error. Models and sessions may be moved, not copied; copies of an engine share it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kiln/build_options.hpp"
#include "kiln/custom_op.hpp"
#include "kiln/error.hpp"
#include "kiln/external_data.hpp"
#include "kiln/graph_builder.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

/// "0.1.0"
std::string_view version();

/// An input or output of a model.
struct PortInfo {
  std::string name;
  std::string type;                ///< as ONNX writes it: "tensor(float)", "map(string,tensor(float))"
  DType dtype = DType::undefined;  ///< of a tensor
  bool has_shape = false;          ///< whether the rank is known
  std::vector<PortDim> shape;
  bool optional = false;  ///< an input that may be left out
};

/// What a model says about itself.
struct ModelInfo {
  int64_t ir_version = 0;
  std::vector<std::pair<std::string, int64_t>> opsets;  ///< domain ("" is ai.onnx) and version
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  int64_t model_version = 0;
  std::string description;
  std::string graph_name;
  std::string graph_description;
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct LoadOptions {
  /// Where a model in memory finds its external data: called for each tensor.
  ExternalLoader external_data;
  /// Or the folder that holds it. Nothing outside this folder is ever opened.
  std::string external_folder;
};

struct ModelImpl;

/// A network as read from a file. Weights stay in the mapped file; nothing is copied until a session needs it.
class Model {
 public:
  /// Reads an ONNX file, or the portable graph of an engine file. The file must not change while the model or a
  /// session made of it lives.
  static Model load(const std::string& path, const LoadOptions& options = {});
  /// Reads an ONNX model from memory, which must live as long as `keeper`; without a keeper the bytes are copied.
  static Model from_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper = {},
                           const LoadOptions& options = {});

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// Another of the same, which shares the weights.
  Model copy() const;
  const ModelInfo& info() const;
  /// Types and shapes as far as the model states them or inference finds them.
  const std::vector<PortInfo>& inputs() const;
  const std::vector<PortInfo>& outputs() const;
  /// Puts a number where the inputs and inner values have this symbol as a dim, or a dim of this denotation.
  void set_dim(std::string_view symbol, int64_t value);
  void set_dims_denoted(std::string_view denotation, int64_t value);
  /// Puts another tensor, of the same type and shape, in the place of an initialiser.
  void set_initializer(std::string_view name, Tensor tensor);
  /// The model as ONNX again.
  std::string to_onnx() const;
  void save_onnx(const std::string& path) const;

 private:
  friend class Engine;
  friend class GraphBuilder;
  friend class Session;
  explicit Model(std::unique_ptr<ModelImpl> impl);
  std::unique_ptr<ModelImpl> impl_;
};

/// A file that an engine was made from.
struct EngineSource {
  std::string name;  ///< without its folder; "(memory)" for a model that was none
  uint64_t bytes = 0;
  std::string sha256;
};

/// Nodes that an engine does together.
struct EngineStep {
  std::vector<std::string> nodes;  ///< their names
  std::string ops;                 ///< "Conv+Add+Relu"
  std::string tactic;              ///< "conv_winograd"; "" for reference code
  std::string tuning;              ///< "4x4 tiles of 28"; "" where there is nothing to say
  double seconds = 0;              ///< that it should take
  bool measured = false;           ///< on the machine that the engine was built on
  uint64_t packed_bytes = 0;
};

/// A size of the inputs that an engine has ways for.
struct EngineSize {
  std::vector<std::pair<std::string, Shape>> shapes;  ///< of the inputs, by name
  double seconds = 0;                                 ///< that a run should take
  /// Steps, by their number, that are done in another way than EngineVariant::steps says.
  std::vector<std::pair<size_t, EngineStep>> changes;
};

/// How an engine is run with one instruction set.
struct EngineVariant {
  std::string isa;                        ///< "avx512"
  std::vector<std::string> cpu_features;  ///< that it needs
  std::vector<EngineStep> steps;          ///< for the first size
  std::vector<EngineSize> sizes;          ///< empty where the same ways do all
  uint64_t packed_bytes = 0;              ///< of weights laid out for kernels, in all ways together
};

/// A part of an engine file.
struct EngineSectionInfo {
  std::string name;
  uint64_t offset = 0, bytes = 0, checksum = 0;
};

/// What an engine says about itself.
struct EngineInfo {
  uint32_t format_version = 0;
  std::string kiln_version;
  std::string cpu;                                           ///< that it was built on
  int threads = 0;                                           ///< that it was built for
  std::vector<std::pair<std::string, std::string>> options;  ///< of the build
  std::vector<Profile> profiles;                             ///< that it was built for, where there were any
  std::vector<EngineSource> sources;
  std::vector<EngineVariant> variants;
  uint64_t file_bytes = 0;                  ///< 0 for one that was built and not loaded
  std::vector<EngineSectionInfo> sections;  ///< of the file
};

struct EngineLoadOptions {
  /// Hold the weights against their checksums too. The structure is always verified.
  bool verify_weights = false;
};

struct EngineSaveOptions {
  /// Leave out what only people read: names of nodes and inner values, descriptions, metadata of both.
  bool strip = false;
};

struct EngineImpl;

/// A model that was made ready for a machine. Copies share it; it never changes.
class Engine {
 public:
  static Engine build(Model model, const BuildOptions& options = {});
  /// Maps an engine file, which must not change while the engine or a session made of it lives. Fails where this
  /// machine lacks what the engine needs, naming all that differs.
  static Engine load(const std::string& path, const EngineLoadOptions& options = {});
  /// Whether a file begins as engines do.
  static bool is_engine_file(const std::string& path);
  /// What a file says about itself, also where it cannot run here.
  static EngineInfo read_info(const std::string& path);
  /// Fails, naming the place, where any byte of an engine file is not as it was written.
  static void verify_file(const std::string& path);

  void save(const std::string& path, const EngineSaveOptions& options = {}) const;
  /// The rewritten graph that the engine does, as ONNX.
  void save_onnx(const std::string& path) const;
  EngineInfo info() const;
  const ModelInfo& model_info() const;
  const std::vector<PortInfo>& inputs() const;
  const std::vector<PortInfo>& outputs() const;

 private:
  friend class Session;
  explicit Engine(std::shared_ptr<const EngineImpl> impl);
  std::shared_ptr<const EngineImpl> impl_;
};

/// Threads used by all sessions of the process; 0 takes what the CPU affinity and the cgroup quota allow.
void set_threads(int count);
int threads();

struct SessionOptions {
  uint64_t seed = 0;     ///< for random operators without a seed of their own; 0 takes a new one for each session
  bool optimize = true;  ///< rewrite the graph before it runs (also the knob `optimize`)
  int threads = 0;       ///< at most, for each run; 0 takes those of the process
  /// Most bytes that a run may take: the memory that it works in, kept plans and its outputs, not its inputs and
  /// weights. Runs that need more are done in a way that takes less, or refused before they start. 0 takes what the
  /// knob `max_memory` says.
  int64_t max_memory = 0;
  /// Told what may be of interest, on the thread of the run: that inputs have shapes outside of all profiles of the
  /// engine. Once for each time that a plan is made for them.
  std::function<void(const std::string&)> on_note = {};
};

/// What one step of a run was and took.
struct StepTime {
  std::vector<std::string> nodes;  ///< names of the nodes that it did together; none for a copy between layouts
  std::string ops;                 ///< "Conv+Add+Relu"
  std::string kernel;              ///< "conv_f32_winograd4x3_avx512", or "reference"
  int threads = 0;                 ///< that shared it; 0 where the kernel says itself
  double seconds = 0;
  bool is_counted = false;  ///< whether the next two are known: they follow from the shapes of the model's inputs
  double flops = 0;         ///< that the operators ask for; a multiply-add is two
  double bytes = 0;         ///< of its inputs, weights and outputs
};

struct RunOptions {
  const std::atomic<bool>* cancel = nullptr;  ///< set it to true to stop the run with Error(cancelled)
  /// Called by the running thread after each node of the main graph, with how many are done of how many.
  std::function<void(size_t done, size_t total)> progress = {};
  /// Or asked between nodes, on the thread that called run(): true stops the run likewise.
  std::function<bool()> interrupted = {};
  /// Called after each step of the main graph, on the running thread.
  std::function<void(const StepTime&)> on_step = {};
  /// Memory for the outputs that are wanted, in their order: tensors of their types and shapes, or undefined ones where
  /// the run is to allocate. The results are these tensors. Empty where all are to be allocated.
  std::span<const Tensor> into = {};
};

/// What a run works in, beside weights, as its plan has it.
struct RunMemory {
  int64_t arena_bytes = 0;        ///< for values between steps, and scratch
  int64_t arena_lower_bound = 0;  ///< the largest sum of what is needed at the same time: no placing needs less
  int64_t scratch_bytes = 0;      ///< of it, most that a step takes beside its inputs and outputs
  int64_t output_bytes = 0;       ///< of outputs whose shapes follow from those of the inputs
};

/// What a session holds while no run is under way.
struct SessionMemory {
  int64_t weight_bytes = 0;  ///< constants as the model has them, mapped from its file where they lie in one
  int64_t packed_bytes = 0;  ///< laid out for kernels; mapped too, where the session is of an engine file
  int64_t arena_bytes = 0;   ///< that runs have worked in
  int64_t kept_bytes = 0;    ///< of values that were freed, for those of the next run
  int64_t plan_bytes = 0;
  int64_t plans = 0;
  int64_t contexts = 0;     ///< one for each run that was ever under way at the same time
  int64_t plans_made = 0;   ///< so far
  double plan_seconds = 0;  ///< that making them took
  RunMemory latest;         ///< of the latest run; zeros before the first and where reference code does everything
};

/// A model that is ready to run. May be used from several threads at once.
class Session {
 public:
  explicit Session(Model model, const SessionOptions& options = {});
  explicit Session(const Engine& engine, const SessionOptions& options = {});
  /// Loads an ONNX file or an engine file.
  static Session load(const std::string& path, const SessionOptions& options = {}, const LoadOptions& model = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const ModelInfo& info() const;
  const std::vector<PortInfo>& inputs() const;
  const std::vector<PortInfo>& outputs() const;

  using Feeds = std::vector<std::pair<std::string, Value>>;
  /// Runs the model. `outputs` names what is wanted, in the order wanted; empty means all. Tensors are read in place
  /// and must not change during the call; results belong to the caller alone and may be written to.
  std::vector<Value> run(const Feeds& feeds, const std::vector<std::string>& outputs = {},
                         const RunOptions& options = {});
  using Targets = std::vector<std::pair<std::string, Tensor*>>;
  /// The same, with results written into tensors of the caller's: each of its output's type and shape, with memory of
  /// its own. Once it has run with inputs of the same shapes, nothing is allocated between the call and its return,
  /// where all outputs are asked for and no step is done by reference code.
  void run_into(const Feeds& feeds, const Targets& targets, const RunOptions& options = {});
  SessionMemory memory() const;
  /// As SessionOptions::max_memory, for the runs that begin after it.
  void set_max_memory(int64_t bytes);
  /// Gives the memory kept between runs back to the system, plans included. Without a run for some time (knob
  /// `idle_memory_ms`) all but the plans is given back by itself.
  void trim();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln
