#include "runtime/verify.hpp"

#include "base/error.hpp"
#include "runtime/plan.hpp"

namespace kiln {
namespace {

/// Says nothing of subgraphs: a step is verified by what its own rule knows.
class BlindHost : public InferHost {
 public:
  std::vector<Type> infer_graph(const Graph& graph, std::span<const Type>) override {
    return std::vector<Type>(graph.outputs.size());
  }
};

constexpr int64_t largest_kept_constant = 1024;

}  // namespace

void verify_step(const Step& step, const OpsetImports& opsets, std::span<const Value* const> inputs,
                 std::span<const Value> outputs) {
  if (!step.schema->op->infer) fail(ErrorCode::internal, "the operator has no type inference");
  std::vector<Fact> input_facts(inputs.size()), output_facts(outputs.size());
  std::vector<const Fact*> pointers(inputs.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i]) continue;
    input_facts[i].type = type_of(*inputs[i]);
    if (inputs[i]->is_tensor() && inputs[i]->tensor().size() <= largest_kept_constant) {
      input_facts[i].constant = inputs[i]->tensor();
    }
    pointers[i] = &input_facts[i];
  }
  BlindHost host;
  InferContext context(*step.node, *step.schema, opsets, host, pointers, output_facts);
  step.schema->op->infer(context);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].is_none() || !output_facts[i].type.is_known()) continue;
    const Type& said = output_facts[i].type;
    const Type real = type_of(outputs[i]);
    try {
      unify(said, real);
    } catch (const Error&) {
      fail(ErrorCode::internal, "output {}: inference says {}, the result is {}", i, said.str(), real.str());
    }
    if (!output_facts[i].dims || !outputs[i].is_tensor()) continue;
    const Tensor& tensor = outputs[i].tensor();
    const auto& dims = *output_facts[i].dims;
    bool same = dims.size() == static_cast<size_t>(tensor.size());
    for (size_t k = 0; same && k < dims.size(); ++k) {
      if (!dims[k].is_known()) continue;
      const int64_t element = tensor.dtype() == DType::i64   ? tensor.data<int64_t>()[k]
                              : tensor.dtype() == DType::i32 ? tensor.data<int32_t>()[k]
                                                             : dims[k].value();
      same = element == dims[k].value();
    }
    if (!same) fail(ErrorCode::internal, "output {}: inference is wrong about its elements", i);
  }
}

}  // namespace kiln
