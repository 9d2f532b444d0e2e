#include "runtime/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "graph/captures.hpp"
#include "graph/gradient_body.hpp"
#include "graph/instantiate.hpp"
#include "ops/withdrawn.hpp"
#include "runtime/runtime_knobs.hpp"
#include "tensor/sparse.hpp"

namespace kiln {
namespace {

constexpr int max_call_depth = 64;

class Compiler {
 public:
  explicit Compiler(const ModelDef& model) : model_(model) {}

  std::unique_ptr<Program> compile_graph(const Graph& graph, const OpsetImports& opsets, const Program* outer,
                                         int depth) {
    if (depth > max_call_depth) {
      fail(ErrorCode::invalid_model, "graphs and functions are nested more than {} deep", max_call_depth);
    }
    auto program = std::make_unique<Program>();
    program->model = &model_;
    program->owned_graph = with_gradient_bodies(graph);
    program->graph = program->owned_graph ? program->owned_graph.get() : &graph;
    program->opsets = &opsets;
    program->outer = outer;
    collect_constants(*program, depth);
    resolve_sources(*program);
    const std::vector<size_t> order = topological_order(*program);
    adopt_constant_nodes(*program);
    for (size_t index : order) {
      if (!constant_of(program->graph->nodes[index])) program->steps.push_back(make_step(*program, index, depth));
    }
    resolve_outputs(*program);
    plan_releases(*program);
    return program;
  }

  void report_missing() const {
    if (missing_.empty()) return;
    std::string text = "this model needs what Kiln cannot run:";
    for (const std::string& line : missing_) text += "\n  " + line;
    throw Error(ErrorCode::unsupported, text);
  }

 private:
  static size_t slot(ValueId id) { return static_cast<size_t>(id); }

  static Tensor aligned(const Tensor& tensor) { return tensor.is_aligned() ? tensor : tensor.clone(); }

  /// The tensor of a Constant node that holds a dense one.
  const Tensor* constant_of(const Node& node) const {
    const bool constant = node.op_type == "Constant" && canonical_domain(node.domain).empty() &&
                          !model_.find_function(node.domain, node.op_type, node.overload);
    if (!constant || node.outputs.size() != 1 || node.outputs.front() == no_value) return nullptr;
    const Attribute* value = node.find_attribute("value");
    return value && node.attributes.size() == 1 ? std::get_if<Tensor>(&value->data) : nullptr;
  }

  static bool is_large(const Tensor& tensor) {
    constexpr int64_t large = 65536;
    return tensor.dtype() == DType::f32 && tensor.size() >= large;
  }

  static void collect_constants(Program& program, int depth) {
    const Graph& graph = *program.graph;
    program.constants.resize(graph.values.size());
    for (const Initializer& initializer : graph.initializers) {
      // Weights mapped from a file may stand at any address; code that reads elements needs them aligned.
      if (initializer.value == no_value) fail(ErrorCode::invalid_model, "an initialiser has no name");
      const bool later = depth == 0 && is_large(initializer.tensor);
      program.constants[slot(initializer.value)] = later ? initializer.tensor : aligned(initializer.tensor);
    }
    for (const SparseInitializer& initializer : graph.sparse_initializers) {
      if (initializer.value == no_value) fail(ErrorCode::invalid_model, "a sparse initialiser has no name");
      program.constants[slot(initializer.value)] = densify(initializer.tensor);
    }
  }

  /// Some exporters write every weight as a Constant node: such a value is there before the run, as an initialiser is.
  void adopt_constant_nodes(Program& program) const {
    for (const Node& node : program.graph->nodes) {
      const Tensor* tensor = constant_of(node);
      if (!tensor) continue;
      const ValueId id = node.outputs.front();
      program.constants[slot(id)] = aligned(*tensor);
      program.sources[slot(id)].kind = ValueSource::Kind::constant;
    }
  }

  static void resolve_outputs(Program& program) {
    const Graph& graph = *program.graph;
    const std::vector<bool> defined = defined_values(graph);
    for (ValueId id : graph.outputs) {
      if (id == no_value) {
        program.outputs.push_back({.id = no_value});
        continue;
      }
      const ValueSource& source = program.sources[slot(id)];
      if (source.kind == ValueSource::Kind::frame && !defined[slot(id)]) {
        fail(ErrorCode::invalid_model, "nothing defines '{}', an output of graph '{}'", graph.name_of(id), graph.name);
      }
      program.outputs.push_back(source);
    }
  }

  static void resolve_sources(Program& program) {
    const Graph& graph = *program.graph;
    const std::vector<bool> defined = defined_values(graph);
    std::vector<bool> is_input(graph.values.size(), false);
    for (ValueId id : graph.inputs) {
      if (id != no_value) is_input[slot(id)] = true;
    }
    program.sources.resize(graph.values.size());
    for (size_t i = 0; i < graph.values.size(); ++i) {
      ValueSource& source = program.sources[i];
      source.id = static_cast<ValueId>(i);
      if (defined[i] && !program.constants[i].is_none() && !is_input[i]) source.kind = ValueSource::Kind::constant;
      if (defined[i]) continue;
      if (const auto outer = find_outer(program, graph.values[i].name)) {
        source = *outer;
      }
      // Anything else is undefined: whoever reads it fails in topological_order().
    }
  }

  static std::optional<ValueSource> find_outer(const Program& program, const std::string& name) {
    int depth = 1;
    for (const Program* scope = program.outer; scope; scope = scope->outer, ++depth) {
      const ValueId id = scope->graph->find_value(name);
      if (id == no_value) continue;
      ValueSource source = scope->sources[slot(id)];
      if (source.kind == ValueSource::Kind::outer) {
        source.depth += depth;
      } else {
        source = {ValueSource::Kind::outer, depth, id};
      }
      return source;
    }
    return {};
  }

  /// File order where it is right, as the standard asks; otherwise the nearest order that is.
  static std::vector<size_t> topological_order(const Program& program) {
    const Graph& graph = *program.graph;
    std::vector<int> producer(graph.values.size(), -1);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      for (ValueId id : graph.nodes[i].outputs) {
        if (id == no_value) continue;
        if (producer[slot(id)] >= 0) {
          fail(ErrorCode::invalid_model, "value '{}' is made twice, by {} and by {}", graph.name_of(id),
               graph.nodes[slot(producer[slot(id)])].describe(slot(producer[slot(id)])), graph.nodes[i].describe(i));
        }
        producer[slot(id)] = static_cast<int>(i);
      }
    }
    std::vector<std::vector<size_t>> readers(graph.nodes.size());
    std::vector<size_t> waits(graph.nodes.size(), 0);
    std::vector<bool> is_input(graph.values.size(), false);
    for (ValueId id : graph.inputs) {
      if (id == no_value) continue;
      is_input[slot(id)] = true;
      if (producer[slot(id)] >= 0) fail_made_again(program, id, slot(producer[slot(id)]));
    }
    for (size_t i = 0; i < graph.values.size(); ++i) {
      if (producer[i] >= 0 && !program.constants[i].is_none()) {
        fail_made_again(program, static_cast<ValueId>(i), slot(producer[i]));
      }
    }
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      for (ValueId id : values_read(graph, graph.nodes[i])) {
        const int from = producer[slot(id)];
        if (from >= 0 && !is_input[slot(id)]) {
          readers[slot(from)].push_back(i);
          ++waits[i];
        } else if (!is_input[slot(id)] && program.constants[slot(id)].is_none() &&
                   program.sources[slot(id)].kind == ValueSource::Kind::frame) {
          fail(ErrorCode::invalid_model, "{} reads '{}', which nothing defines", graph.nodes[i].describe(i),
               graph.name_of(id));
        }
      }
    }
    std::vector<size_t> ready, order;
    for (size_t i = graph.nodes.size(); i-- > 0;) {
      if (waits[i] == 0) ready.push_back(i);
    }
    std::make_heap(ready.begin(), ready.end(), std::greater<>());
    while (!ready.empty()) {
      std::pop_heap(ready.begin(), ready.end(), std::greater<>());
      order.push_back(ready.back());
      ready.pop_back();
      for (size_t reader : readers[order.back()]) {
        if (--waits[reader] == 0) {
          ready.push_back(reader);
          std::push_heap(ready.begin(), ready.end(), std::greater<>());
        }
      }
    }
    if (order.size() != graph.nodes.size()) {
      const size_t stuck = static_cast<size_t>(
          std::find_if(waits.begin(), waits.end(), [](size_t count) { return count > 0; }) - waits.begin());
      fail(ErrorCode::invalid_model, "the graph has a cycle through {}", graph.nodes[stuck].describe(stuck));
    }
    return order;
  }

  [[noreturn]] static void fail_made_again(const Program& program, ValueId id, size_t node) {
    fail(ErrorCode::invalid_model, "value '{}' is made by {}, but is also an input or a constant of the graph",
         program.graph->name_of(id), program.graph->nodes[node].describe(node));
  }

  Step make_step(Program& program, size_t index, int depth) {
    const Node& node = program.graph->nodes[index];
    Step step;
    step.node = &node;
    step.node_index = index;
    for (ValueId id : node.inputs) {
      step.inputs.push_back(id == no_value ? ValueSource{.id = no_value} : program.sources[slot(id)]);
    }
    if (const Function* function = model_.find_function(node.domain, node.op_type, node.overload)) {
      with_place([&] { make_call(step, *function, depth); }, [&] { return node.describe(index); });
      return step;
    }
    const auto opset = program.opsets->find(canonical_domain(node.domain));
    step.schema = opset == program.opsets->end() ? nullptr : find_schema(node.domain, node.op_type, opset->second);
    if (!step.schema || withdrawn(*step.schema) || !step.schema->op->eval) {
      missing_.push_back(describe_missing(node, index, *program.opsets));
      return step;
    }
    check_arity(*step.schema, node, index);
    step.types = rules_for(*step.schema, node.inputs.size());
    for (const Graph* subgraph : subgraphs_of(node)) {
      with_place([&] { program.subgraphs[subgraph] = compile_graph(*subgraph, *program.opsets, &program, depth + 1); },
                 [&] { return node.describe(index); });
    }
    return step;
  }

  std::shared_ptr<const TypeRules> rules_for(const Schema& schema, size_t inputs) {
    auto& rules = type_rules_[{&schema, inputs}];
    if (!rules) rules = std::make_shared<const TypeRules>(schema, inputs);
    return rules;
  }

  /// Reference code may then set every output that its operator must have.
  static void check_arity(const Schema& schema, const Node& node, size_t index) {
    const auto check = [&](std::string_view side, size_t found, size_t least, size_t most) {
      if (found >= least && found <= most) return;
      fail(ErrorCode::invalid_model, "{} has {} {}, expected {} {}", node.describe(index), found, side,
           found < least ? "at least" : "at most", found < least ? least : most);
    };
    check("inputs", node.inputs.size(), schema.min_inputs(), schema.max_inputs());
    check("outputs", node.outputs.size(), schema.min_outputs(), schema.max_outputs());
  }

  void make_call(Step& step, const Function& function, int depth) {
    const std::shared_ptr<const Graph> body = instantiate(function, *step.node);
    if (step.node->inputs.size() > body->inputs.size() || step.node->outputs.size() > body->outputs.size()) {
      fail(ErrorCode::invalid_model, "{} inputs and {} outputs given for function '{}', which has {} and {}",
           step.node->inputs.size(), step.node->outputs.size(), function.name, body->inputs.size(),
           body->outputs.size());
    }
    if (std::find(calls_.begin(), calls_.end(), &function) != calls_.end()) {
      fail(ErrorCode::invalid_model, "function '{}' calls itself", function.name);
    }
    called_nodes_ += static_cast<int64_t>(body->nodes.size()) + 1;
    if (called_nodes_ > max_expanded_nodes.get()) {
      fail(ErrorCode::limit_exceeded,
           "the functions of this model stand for more than {} nodes (knob "
           "max_expanded_nodes)",
           max_expanded_nodes.get());
    }
    calls_.push_back(&function);
    step.function = compile_graph(*body, function.opset_imports.empty() ? model_.opset_imports : function.opset_imports,
                                  nullptr, depth + 1);
    calls_.pop_back();
    if (!step.function->owned_graph) step.function->owned_graph = body;
  }

  static std::string describe_missing(const Node& node, size_t index, const OpsetImports& opsets) {
    const std::string domain(node.domain.empty() ? "ai.onnx" : node.domain);
    const OpDef* op = find_op(canonical_domain(node.domain), node.op_type);
    const auto opset = opsets.find(canonical_domain(node.domain));
    if (opset == opsets.end()) {
      return fmt::format("{}: the model imports no opset for domain '{}'", node.describe(index), domain);
    }
    if (!op) {
      return fmt::format("{}: domain '{}' has no operator '{}', and the model no function of that name",
                         node.describe(index), domain, node.op_type);
    }
    const Schema* schema = find_schema(node.domain, node.op_type, opset->second);
    if (schema && withdrawn(*schema)) {
      return fmt::format("{}: it is deprecated since version {} of '{}'; the model imports {}", node.describe(index),
                         schema->since, domain, opset->second);
    }
    if (op->eval) {
      return fmt::format("{}: opset {} of '{}' does not have it yet; it came with version {}", node.describe(index),
                         opset->second, domain, op->versions.front().since);
    }
    return fmt::format("{}: Kiln has no code for it", node.describe(index));
  }

  static void plan_releases(Program& program) {
    const Graph& graph = *program.graph;
    std::vector<int> last(graph.values.size(), -1);
    for (size_t i = 0; i < program.steps.size(); ++i) {
      const Node& node = *program.steps[i].node;
      for (ValueId id : values_read(graph, node)) last[slot(id)] = static_cast<int>(i);
      for (ValueId id : node.outputs) {
        if (id != no_value) last[slot(id)] = static_cast<int>(i);
      }
    }
    for (ValueId id : graph.outputs) {
      if (id != no_value) last[slot(id)] = -1;
    }
    for (size_t i = 0; i < last.size(); ++i) {
      if (last[i] >= 0 && program.sources[i].kind == ValueSource::Kind::frame) {
        program.steps[slot(last[i])].releases.push_back(static_cast<ValueId>(i));
      }
    }
  }

  const ModelDef& model_;
  std::map<std::pair<const Schema*, size_t>, std::shared_ptr<const TypeRules>> type_rules_;
  std::vector<std::string> missing_;
  std::vector<const Function*> calls_;  ///< being compiled, outermost first
  int64_t called_nodes_ = 0;            ///< functions that call functions may stand for far more than the file has
};

}  // namespace

std::unique_ptr<Program> compile(const ModelDef& model) {
  Compiler compiler(model);
  auto program = compiler.compile_graph(model.graph, model.opset_imports, nullptr, 0);
  compiler.report_missing();
  return program;
}

void align_constants(Program& program, const std::vector<bool>& stay) {
  for (size_t i = 0; i < program.constants.size(); ++i) {
    Value& constant = program.constants[i];
    if (!constant.is_tensor() || constant.tensor().is_aligned() || (i < stay.size() && stay[i])) continue;
    constant = constant.tensor().clone();
  }
}

}  // namespace kiln
