#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/shape_binding.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

/// What a model consists of, whatever its input shapes.
struct ModelSize {
  int64_t nodes = 0;  ///< in all graphs; function bodies count once
  int64_t subgraphs = 0;
  int64_t functions = 0;
  int64_t parameters = 0;        ///< elements of all initialisers and of the tensors in Constant nodes
  int64_t weight_bytes = 0;      ///< of them, as a file packs them
  int64_t external_tensors = 0;  ///< initialisers kept outside the model file
  int64_t external_bytes = 0;
  std::map<std::string, int64_t> operators;  ///< nodes by operator; its domain stands before it, but for ai.onnx's
};
ModelSize model_size(const ModelDef& model);

struct OperatorCost {
  int64_t runs = 0;  ///< nodes, each loop's body times its turns
  double flops = 0;
  double bytes = 0;  ///< read and written
};

/// What one run costs: as if every node read its inputs from memory and wrote its outputs there.
struct RunCost {
  double flops = 0;
  double bytes_read = 0, bytes_written = 0;
  int64_t uncounted = 0;  ///< nodes whose shapes do not follow from those of the inputs
  std::map<std::string, OperatorCost> operators;
  std::vector<std::string> assumptions;  ///< "If: the branch with more operations"
};
RunCost run_cost(const ModelDef& model, const ShapeBinding& binding);

}  // namespace kiln
