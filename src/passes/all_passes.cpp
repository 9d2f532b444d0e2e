#include "passes/all_passes.hpp"

#include <array>

#include "passes/optimize.hpp"

namespace kiln {

std::span<const Pass> all_passes() {
  static constexpr std::array list{
      Pass{"inline_branches", "let an If whose condition is known be the nodes of its branch",
           passes::find_known_branches},
      Pass{"fold_constants", "compute what does not depend on the input", passes::find_constants},
      Pass{"remove_identities", "let readers of a copy read the original", passes::find_identities},
      Pass{"remove_idle_arithmetic", "drop sums with 0, products with 1 and the like", passes::find_idle_arithmetic},
      Pass{"fold_shapes", "give Reshape a constant target where symbolic shapes tell it", passes::find_shapes},
      Pass{"merge_casts", "merge Cast chains that lose nothing", passes::find_casts},
      Pass{"merge_transposes", "merge Transposes in a row", passes::find_transposes},
      Pass{"slices_to_split", "let Slices and Gathers of all parts of an axis be one Split", passes::find_slices},
      Pass{"raise_splits", "split before a Reshape or Transpose and not after it", passes::find_high_splits},
      Pass{"transposes_to_reshapes", "see Transposes that only reshape", passes::find_idle_transposes},
      Pass{"sink_reshapes", "reshape after products and elementwise operators, not before them",
           passes::find_high_reshapes},
      Pass{"sink_transposes", "move axes after elementwise operators where fewer Transposes are left",
           passes::find_high_transposes},
      Pass{"merge_reshapes", "merge Reshape, Flatten, Squeeze and Unsqueeze in a row", passes::find_reshapes},
      Pass{"merge_unaries", "drop double negations and operators without effect", passes::find_unaries},
      Pass{"merge_clips", "merge Clip and Relu in a row", passes::find_clips},
      Pass{"share_constants", "let equal small constants be one", passes::find_equal_constants},
      Pass{"merge_common_nodes", "compute the same thing only once", passes::find_common_nodes},
      Pass{"simplify_resize", "let Resize say factors where it says sizes", passes::find_resizes},
      Pass{"expand_einsum", "write Einsums that multiply matrices as MatMul", passes::find_einsums},
      Pass{"recognise_group_norm", "see GroupNormalization in its decomposed form", passes::find_group_norms},
      Pass{"recognise_norms", "see LayerNormalization and RMSNormalization in their decomposed forms",
           passes::find_norms},
      Pass{"recognise_gelu", "see Gelu in its decomposed forms", passes::find_gelus},
      Pass{"recognise_activations", "see HardSwish, Mish, Swish and Softplus in their decomposed forms",
           passes::find_activations},
      Pass{"recognise_rectifiers",
           "see HardSigmoid, LeakyRelu and PRelu in their decomposed forms, and LeakyRelu in a PRelu of one slope",
           passes::find_rectifiers},
      Pass{"recognise_pools", "see GlobalAveragePool in means", passes::find_global_pools},
      Pass{"simplify_arithmetic", "write Pow and Div in cheaper operators", passes::find_costly_arithmetic},
      Pass{"recognise_attention", "see Attention in its decomposed forms", passes::find_attentions},
      Pass{"pack_heads", "let Attention read and write heads side by side, so that Transposes cancel",
           passes::find_split_heads},
      Pass{"fold_batch_norm", "put BatchNormalization into the weights of the linear node beside it",
           passes::find_batch_norms},
      Pass{"fold_scales", "put constant factors and offsets of channels into the weights beside them",
           passes::find_scales},
      Pass{"raise_means", "take the mean before a pointwise Conv, not after it", passes::find_late_means},
      Pass{"sink_resizes", "repeat pixels after pointwise Convs and elementwise operators, not before them",
           passes::find_high_resizes},
      Pass{"fold_pads", "let Conv and pools do the padding before them", passes::find_pads},
      Pass{"cut_kernels", "cut taps that read padding alone off the kernels of Convs", passes::find_idle_taps},
      Pass{"matmul_to_gemm", "merge MatMul and Add of matrices into a Gemm", passes::find_matmul_adds},
      Pass{"fold_transposes", "let Gemm read transposed matrices as they are", passes::find_turned_matrices},
      Pass{"merge_parallel_products", "let products of one input with several weights be one product and a Split",
           passes::find_parallel_products},
      Pass{"remove_dead_nodes", "drop nodes whose results nobody reads", passes::find_dead_nodes},
  };
  return list;
}

}  // namespace kiln
