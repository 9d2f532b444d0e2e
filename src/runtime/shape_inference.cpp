#include "runtime/shape_inference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "graph/captures.hpp"
#include "graph/instantiate.hpp"
#include "ops/withdrawn.hpp"
#include "runtime/folding_host.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

/// Constants up to this size are shown to inference rules and folded while inferring.
constexpr int64_t largest_constant = 65536;
constexpr int64_t largest_folded = 1024;
constexpr int max_depth = 64;
/// Loops in loops are inferred several times each; beyond this many graphs only what they state is taken.
constexpr int max_graphs = 20000;

Fact constant_fact(const Tensor& tensor) {
  Fact fact;
  SymShape shape(tensor.shape().begin(), tensor.shape().end());
  fact.type = Type::tensor(tensor.dtype(), std::move(shape));
  if (tensor.size() <= largest_constant) fact.constant = tensor.is_aligned() ? tensor : tensor.clone();
  return fact;
}

bool has_arity(const Schema& schema, const Node& node) {
  const size_t inputs = node.inputs.size(), outputs = node.outputs.size();
  return inputs >= schema.min_inputs() && inputs <= schema.max_inputs() && outputs >= schema.min_outputs() &&
         outputs <= schema.max_outputs();
}

/// The elements as a tensor, when the rules know them all as numbers.
Tensor tensor_of_dims(const Fact& fact) {
  if (!fact.dims || !fact.type.is_tensor() || !fact.type.shape) return {};
  const DType dtype = fact.type.dtype;
  if (dtype != DType::i64 && dtype != DType::i32) return {};
  Shape shape;
  for (const Dim& dim : *fact.type.shape) {
    if (!dim.is_known()) return {};
    shape.push_back(dim.value());
  }
  if (static_cast<size_t>(element_count(shape)) != fact.dims->size()) return {};
  Tensor tensor(dtype, shape);
  for (size_t i = 0; i < fact.dims->size(); ++i) {
    const Dim& element = (*fact.dims)[i];
    if (!element.is_known()) return {};
    if (dtype == DType::i64) {
      tensor.mutable_data<int64_t>()[i] = element.value();
    } else {
      tensor.mutable_data<int32_t>()[i] = static_cast<int32_t>(element.value());
    }
  }
  return tensor;
}

}  // namespace

Type schema_output_type(const Schema& schema, size_t output, std::span<const Fact* const> inputs) {
  const FormalParameter* parameter = schema.output_at(output);
  if (!parameter) return {};
  const TypeConstraint* constraint = schema.find_constraint(parameter->type);
  const std::string plain = !constraint                     ? parameter->type
                            : constraint->types.size() == 1 ? constraint->types.front()
                                                            : std::string();
  if (plain.starts_with("tensor(")) {
    return Type::tensor(dtype_from_name(std::string_view(plain).substr(7, plain.size() - 8)));
  }
  if (!constraint || !parameter->homogeneous) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const FormalParameter* input = schema.input_at(i);
    if (!input || !inputs[i] || input->type != parameter->type || !inputs[i]->type.is_known()) continue;
    Type type = inputs[i]->type;
    type.shape.reset();
    return type;
  }
  return {};
}

/// Symbols that a subgraph or a function states are its own; they mean nothing outside.
Type without_symbols(Type type) {
  if (type.shape) {
    for (Dim& dim : *type.shape) {
      if (dim.is_symbolic()) dim = Dim();
    }
  }
  if (type.inner) type.inner = std::make_shared<const Type>(without_symbols(*type.inner));
  return type;
}

class ShapeInference::Driver : public InferHost {
 public:
  Driver(const ModelDef& model, Diagnostics& diagnostics, StatedTypes stated)
      : model_(model), diagnostics_(diagnostics), stated_(stated) {}

  Facts run_main(const std::map<ValueId, Fact>& inputs) {
    graphs_ = 0;
    return run_graph(model_.graph, model_.opset_imports, {}, inputs);
  }

  Facts run_graph(const Graph& graph, const OpsetImports& opsets, std::span<const Type> input_types,
                  const std::map<ValueId, Fact>& replaced) {
    if (scopes_.size() >= max_depth) {
      fail(ErrorCode::invalid_model, "graphs and functions are nested more than {} deep", max_depth);
    }
    const bool is_known = known != nullptr && &graph == &model_.graph;
    Facts facts = is_known ? known->facts : stated_facts(graph);
    set_inputs(graph, input_types, replaced, facts);
    if (!is_known) set_initializers(graph, facts);
    {
      const ScopeGuard guard(scopes_, {&graph, &facts, &opsets, defined_values(graph)});
      for (size_t i = 0; i < graph.nodes.size(); ++i) {
        if (!is_known || !known->nodes[i]) infer_node(i);
      }
    }
    if (observer && !guessing_) observer(graph, facts);
    return facts;
  }

  std::vector<Type> infer_graph(const Graph& graph, std::span<const Type> inputs) override {
    if (++graphs_ > max_graphs) return std::vector<Type>(graph.outputs.size());
    const Facts facts = run_graph(graph, *scopes_.back().opsets, inputs, {});
    std::vector<Type> types;
    for (ValueId id : graph.outputs) types.push_back(id == no_value ? Type() : fact_of_output(graph, facts, id).type);
    return types;
  }

  std::vector<Type> guess_graph(const Graph& graph, std::span<const Type> inputs) override {
    struct Restore {
      bool& flag;
      bool before;
      ~Restore() { flag = before; }
    } restore{guessing_, guessing_};
    guessing_ = true;
    return infer_graph(graph, inputs);
  }

  std::vector<Type> infer_inside(const Graph& graph, std::span<const Type> inputs, std::span<Surrounding> around) {
    for (Surrounding& outer : around) {
      scopes_.push_back({outer.graph, &outer.facts, outer.opsets, defined_values(*outer.graph)});
    }
    return infer_graph(graph, inputs);
  }

  Observer observer;
  NodeObserver node_observer;
  const KnownFacts* known = nullptr;
  int64_t guess = 0;  ///< for dims that data decide; 0: none is made

 private:
  struct Scope {
    const Graph* graph = nullptr;  ///< null for the wall around a function's body
    Facts* facts = nullptr;
    const OpsetImports* opsets = nullptr;
    std::vector<bool> defined = {};
  };

  class ScopeGuard {
   public:
    ScopeGuard(std::vector<Scope>& scopes, Scope scope) : scopes_(scopes) { scopes_.push_back(scope); }
    ~ScopeGuard() { scopes_.pop_back(); }
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    std::vector<Scope>& scopes_;
  };

  Facts stated_facts(const Graph& graph) const {
    Facts facts(graph.values.size());
    const auto take = [&](size_t index) {
      const Type& type = graph.values[index].type;
      facts[index].type = scopes_.empty() ? type : without_symbols(type);
    };
    for (size_t i = 0; stated_ == StatedTypes::use && i < facts.size(); ++i) {
      if (graph.values[i].has_info) take(i);
    }
    for (ValueId id : graph.inputs) {
      if (id != no_value) take(static_cast<size_t>(id));
    }
    return facts;
  }

  void report(std::string rule, std::string place, std::string message, std::string help = {}) {
    if (!guessing_) diagnostics_.error(std::move(rule), std::move(place), std::move(message), std::move(help));
  }

  void set_inputs(const Graph& graph, std::span<const Type> types, const std::map<ValueId, Fact>& replaced,
                  Facts& facts) {
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      const ValueId id = graph.inputs[i];
      if (id == no_value) continue;
      Fact& fact = facts[static_cast<size_t>(id)];
      if (const auto given = replaced.find(id); given != replaced.end()) {
        fact = given->second;
      } else if (i < types.size() && types[i].is_known()) {
        fact.type = merge(fact.type, types[i], [&] { return "input '" + graph.name_of(id) + "'"; });
      }
    }
  }

  void set_initializers(const Graph& graph, Facts& facts) {
    for (const Initializer& initializer : graph.initializers) set_initializer(graph, initializer, facts);
    for (const SparseInitializer& initializer : graph.sparse_initializers) {
      if (initializer.value == no_value) continue;
      const Shape& shape = initializer.tensor.shape;
      facts[static_cast<size_t>(initializer.value)].type =
          Type::tensor(initializer.tensor.values.dtype(), SymShape(shape.begin(), shape.end()));
    }
  }

  void set_initializer(const Graph& graph, const Initializer& initializer, Facts& facts) {
    // A model with faults may have initialisers without a name or without their data.
    if (initializer.value == no_value || !initializer.tensor.defined()) return;
    Fact& fact = facts[static_cast<size_t>(initializer.value)];
    Fact stated = constant_fact(initializer.tensor);
    stated.type =
        merge(fact.type, stated.type, [&] { return "initializer '" + graph.name_of(initializer.value) + "'"; });
    // An initialiser of an input is only its default.
    for (ValueId id : graph.inputs) {
      if (id == initializer.value) stated.constant = {};
    }
    fact = std::move(stated);
  }

  /// What both types say; a contradiction is reported at `place`, and the newer type wins.
  template <class Place>
  Type merge(const Type& stated, const Type& found, Place&& place) {
    try {
      return unify(stated, found);
    } catch (const Error& error) {
      report("shape-mismatch", place(), error.what(),
             "the type that the model states is not the one that its operators give");
      return found;
    }
  }

  const Fact* find_fact(ValueId id) {
    const Scope& here = scopes_.back();
    if (here.defined[static_cast<size_t>(id)]) return &(*here.facts)[static_cast<size_t>(id)];
    const Fact* outer = find_outer(here.graph->name_of(id), scopes_.size() - 1);
    return outer ? outer : &(*here.facts)[static_cast<size_t>(id)];
  }

  /// The fact of a name in the innermost of the first `count` scopes that defines it; null where none does.
  const Fact* find_outer(const std::string& name, size_t count) const {
    for (size_t i = count; i-- > 0 && scopes_[i].graph;) {
      const ValueId id = scopes_[i].graph->find_value(name);
      if (id != no_value && scopes_[i].defined[static_cast<size_t>(id)]) {
        return &(*scopes_[i].facts)[static_cast<size_t>(id)];
      }
    }
    return nullptr;
  }

  /// An output of a graph that is done; the scopes are those around it.
  const Fact& fact_of_output(const Graph& graph, const Facts& facts, ValueId id) const {
    const Fact& local = facts[static_cast<size_t>(id)];
    if (local.type.is_known()) return local;
    const Fact* outer = find_outer(graph.name_of(id), scopes_.size());
    return outer ? *outer : local;
  }

  std::string place_of(const Graph& graph, const Node& node, size_t index) const {
    if (&graph == &model_.graph) return node.describe(index);
    return (graph.name.empty() ? "the graph" : "graph '" + graph.name + "'") + ", " + node.describe(index);
  }

  void infer_node(size_t index) {
    const Graph& graph = *scopes_.back().graph;
    const Node& node = graph.nodes[index];
    const auto place = [&] { return place_of(graph, node, index); };
    if (++nodes_inferred_ > max_expanded_nodes.get() + static_cast<int64_t>(model_.graph.nodes.size())) {
      fail(ErrorCode::limit_exceeded, "inferring types takes more than {} steps (knob max_expanded_nodes)",
           max_expanded_nodes.get());
    }
    std::vector<const Fact*> inputs;
    for (ValueId id : node.inputs) inputs.push_back(id == no_value ? nullptr : find_fact(id));
    std::vector<Fact> outputs(node.outputs.size());
    bool is_sound = true;
    if (const Function* function = model_.find_function(node.domain, node.op_type, node.overload)) {
      infer_call(*function, node, inputs, outputs, place);
    } else {
      const OpsetImports& opsets = *scopes_.back().opsets;
      const auto opset = opsets.find(canonical_domain(node.domain));
      const Schema* schema = opset == opsets.end() ? nullptr : find_schema(node.domain, node.op_type, opset->second);
      // Rules read their inputs and outputs without asking whether they are there.
      if (!schema || withdrawn(*schema) || !has_arity(*schema, node)) return;
      is_sound = infer_by_schema(*schema, node, opsets, inputs, outputs, place);
      if (node_observer && !guessing_) node_observer({node, *schema, place(), inputs, outputs});
    }
    const bool is_cause = guess > 0 && is_sound && scopes_.size() == 1 && reads_known_shapes(node);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] == no_value) continue;
      outputs[i].is_born = is_cause && !is_shape_known(outputs[i].type);
      if (outputs[i].is_born) close(outputs[i].type);
      Fact& fact = (*scopes_.back().facts)[static_cast<size_t>(node.outputs[i])];
      Type type = merge(fact.type, outputs[i].type,
                        [&] { return place() + ", output '" + graph.name_of(node.outputs[i]) + "'"; });
      fact = std::move(outputs[i]);
      fact.type = std::move(type);
    }
  }

  /// A value that is no tensor has no shape to be known.
  static bool is_shape_known(const Type& type) {
    const bool has_shape = !type.is_known() || type.is_tensor() || type.kind == Type::Kind::sparse;
    return !has_shape ||
           (type.shape && std::ranges::all_of(*type.shape, [](const Dim& dim) { return dim.is_known(); }));
  }
  bool reads_known_shapes(const Node& node) {
    return std::ranges::all_of(values_read(model_.graph, node),
                               [&](ValueId id) { return is_shape_known(find_fact(id)->type); });
  }
  void close(Type& type) const {
    if (!type.shape) return;
    for (Dim& dim : *type.shape) {
      if (!dim.is_known()) dim = guess;
    }
  }

  /// False where the node breaks the rule.
  template <class Place>
  bool infer_by_schema(const Schema& schema, const Node& node, const OpsetImports& opsets,
                       std::span<const Fact* const> inputs, std::vector<Fact>& outputs, Place&& place) {
    if (fold(schema, node, opsets, inputs, outputs)) return true;
    const auto broken = [&](std::string message) {
      outputs.assign(outputs.size(), {});
      report("shape-inference", place(), std::move(message));
      return false;
    };
    bool is_sound = true;
    try {
      InferContext context(node, schema, opsets, *this, inputs, outputs);
      if (schema.op->infer) schema.op->infer(context);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::internal) throw;
      is_sound = broken(error.what());
    } catch (const std::length_error&) {  // Sizes that come from the model and that no container takes.
      is_sound = broken("it asks for more memory than there can be");
    } catch (const std::bad_alloc&) {
      is_sound = broken("it asks for more memory than can be had");
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].type.is_known()) outputs[i].type = schema_output_type(schema, i, inputs);
      if (!outputs[i].constant.defined()) outputs[i].constant = tensor_of_dims(outputs[i]);
    }
    return is_sound;
  }

  /// Computes a node whose inputs are all small and known. A failure here is left to the rule, which says it better.
  bool fold(const Schema& schema, const Node& node, const OpsetImports& opsets, std::span<const Fact* const> inputs,
            std::vector<Fact>& outputs) {
    // Of the operators without inputs, Constant alone gives a value that is known before a run.
    if (inputs.empty() && node.op_type != "Constant") return false;
    if (!schema.op->eval || schema.op->random || !subgraphs_of(node).empty()) return false;
    int64_t size = 0;
    std::vector<Value> values(inputs.size());
    std::vector<const Value*> pointers(inputs.size(), nullptr);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i]) continue;
      if (!inputs[i]->constant.defined()) return false;
      size += inputs[i]->constant.size();
      values[i] = inputs[i]->constant;
      pointers[i] = &values[i];
    }
    if (size > largest_folded) return false;
    // A run that is to stop must not make this fail: the plan would be kept without what follows from here.
    const StopScope undisturbed(nullptr);
    try {
      FoldingHost host(largest_constant);
      std::vector<Value> results(outputs.size());
      EvalContext context(node, schema, opsets, host, pointers, results);
      schema.op->eval(context);
      for (const Value& result : results) {
        if (!result.is_none() && !result.is_tensor()) return false;
      }
      for (size_t i = 0; i < results.size(); ++i) {
        if (results[i].is_tensor()) outputs[i] = constant_fact(results[i].tensor());
      }
      return true;
    } catch (const std::exception&) {  // Sizes beyond all memory included.
      return false;
    }
  }

  template <class Place>
  void infer_call(const Function& function, const Node& node, std::span<const Fact* const> inputs,
                  std::vector<Fact>& outputs, Place&& place) {
    try {
      const std::shared_ptr<const Graph> body = instantiate(function, node);
      std::map<ValueId, Fact> given;
      for (size_t i = 0; i < inputs.size() && i < body->inputs.size(); ++i) {
        if (inputs[i] && body->inputs[i] != no_value) given[body->inputs[i]] = *inputs[i];
      }
      if (++graphs_ > max_graphs) return;
      const ScopeGuard wall(scopes_, {});
      const OpsetImports& opsets = function.opset_imports.empty() ? model_.opset_imports : function.opset_imports;
      const Facts facts = run_graph(*body, opsets, {}, given);
      for (size_t i = 0; i < outputs.size() && i < body->outputs.size(); ++i) {
        if (body->outputs[i] != no_value) outputs[i] = facts[static_cast<size_t>(body->outputs[i])];
      }
    } catch (const Error& error) {
      report("function", place(), error.what());
    }
  }

  const ModelDef& model_;
  Diagnostics& diagnostics_;
  StatedTypes stated_;
  std::vector<Scope> scopes_;
  int graphs_ = 0;         ///< inferred so far, apart from the main one
  bool guessing_ = false;  ///< what is found now may be wrong, so it is not reported
  int64_t nodes_inferred_ = 0;
};

ShapeInference::ShapeInference(const ModelDef& model, Diagnostics& diagnostics, StatedTypes stated)
    : driver_(std::make_unique<Driver>(model, diagnostics, stated)) {}
ShapeInference::~ShapeInference() = default;

Facts ShapeInference::run(const std::map<ValueId, Fact>& inputs) { return driver_->run_main(inputs); }

std::vector<Type> ShapeInference::infer_outputs(const Graph& graph, std::span<const Type> inputs,
                                                std::span<Surrounding> around) {
  return driver_->infer_inside(graph, inputs, around);
}

void ShapeInference::guess(int64_t dim) { driver_->guess = dim; }

void ShapeInference::begin_with(const KnownFacts& known) { driver_->known = &known; }

KnownFacts known_facts(const ModelDef& model) {
  const Graph& graph = model.graph;
  Diagnostics ignored(Diagnostics::Mode::collect);
  const Facts found = ShapeInference(model, ignored, ShapeInference::StatedTypes::ignore).run();
  KnownFacts known{Facts(graph.values.size()), std::vector<bool>(graph.nodes.size(), false)};
  std::vector<bool> is_known(graph.values.size(), false);
  const auto take = [&](ValueId id) {
    if (id == no_value) return;
    is_known[static_cast<size_t>(id)] = true;
    known.facts[static_cast<size_t>(id)] = found[static_cast<size_t>(id)];
  };
  for (const Initializer& initializer : graph.initializers) take(initializer.value);
  for (const SparseInitializer& initializer : graph.sparse_initializers) take(initializer.value);
  for (ValueId id : graph.inputs) {
    if (id == no_value) continue;
    is_known[static_cast<size_t>(id)] = false;
    known.facts[static_cast<size_t>(id)] = found[static_cast<size_t>(id)];
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto is_ready = [&](ValueId id) { return id == no_value || is_known[static_cast<size_t>(id)]; };
    if (!subgraphs_of(node).empty() || !std::all_of(node.inputs.begin(), node.inputs.end(), is_ready)) continue;
    // Where a rule is broken nothing is known, and every run finds the fault again.
    const auto is_found = [&](ValueId id) {
      return id == no_value || found[static_cast<size_t>(id)].constant.defined();
    };
    if (!std::all_of(node.outputs.begin(), node.outputs.end(), is_found)) continue;
    known.nodes[i] = true;
    for (ValueId id : node.outputs) take(id);
  }
  return known;
}

void ShapeInference::set_observer(Observer observer) { driver_->observer = std::move(observer); }
void ShapeInference::set_node_observer(NodeObserver observer) { driver_->node_observer = std::move(observer); }

}  // namespace kiln
