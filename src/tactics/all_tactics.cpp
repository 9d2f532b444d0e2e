#include <array>
#include <map>

#include "tactics/tactic.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

using namespace tactics;

/// The tactics of an operator of ai.onnx, best guess first.
struct Row {
  std::string_view op_type;
  std::span<const Tactic* const> tactics;
};

constexpr std::array attention{&attention_blocked};
constexpr std::array conv{&conv_depthwise, &conv_first, &conv_winograd, &conv_direct, &conv_paired, &conv_narrow};
constexpr std::array conv_transpose{&conv_transposed_narrow, &conv_transposed_winograd, &conv_transposed};
constexpr std::array product{&gemm_packed, &gemm_fixed, &gemm_paired, &gemm_strassen, &gemm_dynamic};
constexpr std::array pool{&pool_window};
constexpr std::array gather{&pool_global, &reduce_axes};
constexpr std::array reduce{&reduce_axes};
constexpr std::array arg{&arg_reduce};
constexpr std::array best{&topk};
constexpr std::array running_sum{&cum_sum};
constexpr std::array softmaxes{&softmax};
constexpr std::array by_row{&layer_norm};
constexpr std::array by_batch{&batch_norm};
constexpr std::array by_group{&group_norm};
constexpr std::array resize{&resize_image};
constexpr std::array regions{&roi_align};
constexpr std::array cast{&cast_loops, &elementwise};
constexpr std::array concat{&concat_channels, &concat_boxes};
constexpr std::array depth_to_space{&depth_to_space_boxes};
constexpr std::array expand{&expand_boxes};
constexpr std::array pick{&gather_rows};
constexpr std::array pick_elements{&gather_elements};
constexpr std::array pad{&pad_boxes};
constexpr std::array slice{&slice_channels, &slice_boxes};
constexpr std::array space_to_depth{&space_to_depth_boxes};
constexpr std::array split{&split_channels, &split_boxes};
constexpr std::array tile{&tile_boxes};
constexpr std::array transpose{&transpose_boxes};
constexpr std::array chain{&elementwise};
constexpr std::array by_neighbours{&local_response_norm};
constexpr std::array recurrence{&recurrence_packed, &recurrence_paired};

constexpr std::array rows{
    Row{"Attention", attention},
    Row{"Conv", conv},
    Row{"ConvTranspose", conv_transpose},
    Row{"GRU", recurrence},
    Row{"Gemm", product},
    Row{"LSTM", recurrence},
    Row{"MatMul", product},
    Row{"MaxPool", pool},
    Row{"AveragePool", pool},
    Row{"GlobalAveragePool", gather},
    Row{"GlobalMaxPool", gather},
    Row{"ReduceMean", gather},
    Row{"ReduceMax", gather},
    Row{"ReduceSum", reduce},
    Row{"ReduceL1", reduce},
    Row{"ReduceL2", reduce},
    Row{"ReduceSumSquare", reduce},
    Row{"ReduceLogSum", reduce},
    Row{"ReduceLogSumExp", reduce},
    Row{"ReduceMin", reduce},
    Row{"ReduceProd", reduce},
    Row{"ArgMax", arg},
    Row{"ArgMin", arg},
    Row{"TopK", best},
    Row{"CumSum", running_sum},
    Row{"Softmax", softmaxes},
    Row{"LogSoftmax", softmaxes},
    Row{"LayerNormalization", by_row},
    Row{"RMSNormalization", by_row},
    Row{"BatchNormalization", by_batch},
    Row{"InstanceNormalization", by_group},
    Row{"GroupNormalization", by_group},
    Row{"Resize", resize},
    Row{"Upsample", resize},
    Row{"RoiAlign", regions},
    Row{"Cast", cast},
    Row{"CastLike", cast},
    Row{"Concat", concat},
    Row{"DepthToSpace", depth_to_space},
    Row{"Expand", expand},
    Row{"Gather", pick},
    Row{"GatherElements", pick_elements},
    Row{"Pad", pad},
    Row{"Slice", slice},
    Row{"SpaceToDepth", space_to_depth},
    Row{"Split", split},
    Row{"Tile", tile},
    Row{"Transpose", transpose},
    Row{"Abs", chain},
    Row{"Add", chain},
    Row{"And", chain},
    Row{"Ceil", chain},
    Row{"Celu", chain},
    Row{"Clip", chain},
    Row{"Cos", chain},
    Row{"Div", chain},
    Row{"Elu", chain},
    Row{"Equal", chain},
    Row{"Erf", chain},
    Row{"Exp", chain},
    Row{"Floor", chain},
    Row{"Gelu", chain},
    Row{"Greater", chain},
    Row{"GreaterOrEqual", chain},
    Row{"HardSigmoid", chain},
    Row{"HardSwish", chain},
    Row{"IsInf", chain},
    Row{"IsNaN", chain},
    Row{"LeakyRelu", chain},
    Row{"Less", chain},
    Row{"LessOrEqual", chain},
    Row{"Log", chain},
    Row{"Max", chain},
    Row{"Mean", chain},
    Row{"Min", chain},
    Row{"Mish", chain},
    Row{"Mul", chain},
    Row{"Neg", chain},
    Row{"Not", chain},
    Row{"Or", chain},
    Row{"PRelu", chain},
    Row{"Pow", chain},
    Row{"Reciprocal", chain},
    Row{"Relu", chain},
    Row{"Round", chain},
    Row{"Selu", chain},
    Row{"Sigmoid", chain},
    Row{"Sign", chain},
    Row{"Sin", chain},
    Row{"Softplus", chain},
    Row{"Softsign", chain},
    Row{"Sqrt", chain},
    Row{"Sub", chain},
    Row{"Sum", chain},
    Row{"Swish", chain},
    Row{"Tanh", chain},
    Row{"ThresholdedRelu", chain},
    Row{"Where", chain},
    Row{"Xor", chain},
    Row{"LRN", by_neighbours},
    Row{"RNN", recurrence},
};

}  // namespace

std::span<const Tactic* const> tactics_for(const Node& anchor) {
  static const std::map<std::string_view, std::span<const Tactic* const>> by_op = [] {
    std::map<std::string_view, std::span<const Tactic* const>> map;
    for (const Row& row : rows) map.emplace(row.op_type, row.tactics);
    return map;
  }();
  if (!canonical_domain(anchor.domain).empty()) return {};
  const auto found = by_op.find(anchor.op_type);
  return found == by_op.end() ? std::span<const Tactic* const>() : found->second;
}

const Tactic* find_tactic(std::string_view name) {
  for (const Row& row : rows) {
    for (const Tactic* tactic : row.tactics) {
      if (tactic->name == name) return tactic;
    }
  }
  return nullptr;
}

}  // namespace kiln
