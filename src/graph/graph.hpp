#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graph/type.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

class Graph;

using ValueId = int32_t;
inline constexpr ValueId no_value = -1;  ///< an optional input or output that is left out

using Metadata = std::vector<std::pair<std::string, std::string>>;

/// The numbers are those of ONNX's AttributeProto.AttributeType.
enum class AttributeType : uint8_t {
  undefined = 0,
  float_ = 1,
  int_ = 2,
  string = 3,
  tensor = 4,
  graph = 5,
  floats = 6,
  ints = 7,
  strings = 8,
  tensors = 9,
  graphs = 10,
  sparse_tensor = 11,
  sparse_tensors = 12,
  type_proto = 13,
  type_protos = 14,
};
std::string_view attribute_type_name(AttributeType type);

struct Attribute {
  using Data = std::variant<std::monostate, float, int64_t, std::string, Tensor, std::shared_ptr<Graph>,
                            std::vector<float>, std::vector<int64_t>, std::vector<std::string>, std::vector<Tensor>,
                            std::vector<std::shared_ptr<Graph>>, SparseTensor, std::vector<SparseTensor>, Type,
                            std::vector<Type>>;
  std::string name;
  AttributeType type = AttributeType::undefined;
  Data data;             ///< the alternative that `type` names, or nothing while ref_name is set
  std::string ref_name;  ///< inside a function: the function's attribute to take the value from
  std::string doc;
};

struct Node {
  std::string name;
  std::string domain;  ///< "" is ai.onnx
  std::string op_type;
  std::string overload;
  std::vector<ValueId> inputs;   ///< no_value where an optional input is left out
  std::vector<ValueId> outputs;  ///< no_value where an optional output is left out
  std::vector<Attribute> attributes;
  std::string doc;
  Metadata metadata;
  std::vector<std::string> device_configurations;  ///< kept as encoded, for writing back

  const Attribute* find_attribute(std::string_view attribute_name) const;
  /// "node 'conv1' (Conv)", or "node #12 (Conv)" without a name
  std::string describe(size_t index) const;
};

/// A value of a graph. One that no node, input or initialiser of its own graph defines belongs to an outer graph and
/// is found there by name.
struct ValueInfo {
  std::string name;
  Type type;              ///< what the model says or inference found
  bool has_info = false;  ///< the model states the type itself
  std::string doc;
  Metadata metadata;
};

struct Initializer {
  ValueId value = no_value;
  Tensor tensor;  ///< may borrow, unaligned, from the mapped model file
  std::string doc;
  Metadata metadata;
  Metadata external;  ///< where the file says the bytes are, for a tensor kept outside the model file
};

struct SparseInitializer {
  ValueId value = no_value;
  SparseTensor tensor;
};

struct QuantizationAnnotation {
  std::string tensor_name;
  Metadata parameters;
};

/// Values and nodes. Nodes stand in the order of the file, which the standard asks to be topological; check() tells.
class Graph {
 public:
  std::string name;
  std::string doc;
  std::vector<ValueInfo> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Initializer> initializers;
  std::vector<SparseInitializer> sparse_initializers;
  std::vector<QuantizationAnnotation> quantization;
  Metadata metadata;

  ValueId find_value(std::string_view value_name) const;  ///< no_value when there is none
  ValueId value_named(const std::string& value_name);     ///< finds it or makes it; no_value for ""
  ValueId add_value(std::string value_name, Type type = {});
  const std::string& name_of(ValueId id) const;  ///< "" for no_value
  const Initializer* find_initializer(ValueId id) const;

 private:
  std::map<std::string, ValueId, std::less<>> ids_;
};

using OpsetImports = std::map<std::string, int64_t, std::less<>>;  ///< domain ("" is ai.onnx) to version

/// A model-local function: a node with its domain, name and overload stands for this body.
struct Function {
  std::string domain;
  std::string name;
  std::string overload;
  std::string doc;
  std::vector<std::string> attributes;        ///< that a call must give
  std::vector<Attribute> attribute_defaults;  ///< that a call may leave out
  OpsetImports opset_imports;
  Graph body;
  Metadata metadata;
};

struct TrainingInfo {
  Graph initialization;
  Graph algorithm;
  Metadata initialization_binding;
  Metadata update_binding;
};

struct ModelDef {
  int64_t ir_version = 0;
  OpsetImports opset_imports;
  std::string producer_name;
  std::string producer_version;
  std::string domain;
  int64_t model_version = 0;
  std::string doc;
  Graph graph;
  Metadata metadata;
  std::vector<Function> functions;
  std::vector<TrainingInfo> training_info;
  std::vector<std::string> configurations;  ///< device configurations, kept as encoded

  const Function* find_function(std::string_view domain, std::string_view name, std::string_view overload) const;
};

/// "ai.onnx" and "" are one domain.
std::string_view canonical_domain(std::string_view domain);

}  // namespace kiln
