#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "runtime/machine.hpp"
#include "runtime/program.hpp"
#include "runtime/warming.hpp"

namespace kiln {

/// An input or output of a model, as a caller sees it.
struct Port {
  std::string name;
  Type type;
  ValueId value = no_value;
  bool optional = false;  ///< an input with a default (an initialiser of the same name), or of an optional type
};
std::string names_of(const std::vector<Port>& ports);  ///< "'x', 'mask'"

/// A model made ready to run. Never changes; shared by threads and contexts.
class EngineDef {
 public:
  /// Decides how the main graph is to be done; without it the reference code does all.
  using MakeMachine = std::function<Machine(const EngineDef& engine)>;
  /// With `warming`, its other thread finds what is known beside the rest.
  static std::shared_ptr<const EngineDef> create(ModelDef model, const MakeMachine& make_machine = {},
                                                 std::shared_ptr<Warming> warming = {});

  const ModelDef& model() const { return *model_; }
  const Program& program() const { return *program_; }
  const Machine* machine() const { return machine_ ? &*machine_ : nullptr; }
  /// Found at the first call.
  const KnownFacts& known() const;
  /// How a subgraph of one of the main graph's nodes is done; null where reference code does all of it.
  const Body* body_of(const Graph& subgraph) const;
  /// The same for a sequel of the machine.
  const Body* sequel_of(const Group& group) const;
  /// Of an engine file's weights, for who makes plans; null where there is none.
  Warming* warming() const { return warming_.get(); }
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }

 private:
  EngineDef() = default;
  void find_bodies();
  std::unique_ptr<const ModelDef> model_;
  std::unique_ptr<Program> program_;
  std::optional<Machine> machine_;
  std::shared_ptr<Warming> warming_;
  mutable std::once_flag known_once_;
  mutable KnownFacts known_;
  std::map<const Graph*, const Body*> bodies_;
  std::map<size_t, const Body*> sequels_;  ///< by the first node
  std::vector<Port> inputs_, outputs_;
};

}  // namespace kiln
