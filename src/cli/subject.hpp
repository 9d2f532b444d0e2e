#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/feeds.hpp"
#include "runtime/engine.hpp"

namespace kiln::cli {

/// One of two that kiln compare holds against each other: a model and how it is run.
class Subject {
 public:
  virtual ~Subject() = default;
  /// "the reference code on model.onnx"
  virtual std::string title() const = 0;
  /// Values inside the main graph that can be seen, in the order in which they are made.
  virtual std::vector<std::string> inner() const = 0;
  /// All outputs, and these inner values, by their names. A value that cannot be handed over is left out.
  virtual std::map<std::string, Value> run(const std::vector<FedInput>& feeds,
                                           const std::vector<std::string>& inner) = 0;
  /// Who makes a value: "node 'conv1' (Conv), by conv_winograd"; "" where that is not known.
  virtual std::string maker(const std::string& /*value*/) const { return ""; }
  /// How Kiln does it, where Kiln decides how; else null.
  virtual std::shared_ptr<const EngineDef> engine() const { return nullptr; }
};

/// How a subject is named on the command line.
struct SubjectName {
  enum class Kind { reference, optimized, engine, onnxruntime } kind = Kind::optimized;
  std::string path;
};

/// "ref:PATH", "onnx:PATH", "ort:PATH", or a PATH: an engine, or an ONNX file that Kiln optimises.
SubjectName parse_subject(const std::string& text);

std::unique_ptr<Subject> open_subject(const SubjectName& name, uint64_t seed);
std::unique_ptr<Subject> open_onnxruntime(const std::string& path);

/// An ONNX file, or the graph of an engine.
ModelDef read_model(const std::string& path);

}  // namespace kiln::cli
