#pragma once

#include "passes/patch.hpp"

namespace kiln::passes {

std::vector<Patch> find_constants(GraphView& view);
std::vector<Patch> find_identities(GraphView& view);
std::vector<Patch> find_idle_arithmetic(GraphView& view);
std::vector<Patch> find_shapes(GraphView& view);
std::vector<Patch> find_casts(GraphView& view);
std::vector<Patch> find_transposes(GraphView& view);
std::vector<Patch> find_reshapes(GraphView& view);
std::vector<Patch> find_unaries(GraphView& view);
std::vector<Patch> find_clips(GraphView& view);
std::vector<Patch> find_equal_constants(GraphView& view);
std::vector<Patch> find_common_nodes(GraphView& view);
std::vector<Patch> find_batch_norms(GraphView& view);
std::vector<Patch> find_scales(GraphView& view);
std::vector<Patch> find_pads(GraphView& view);
std::vector<Patch> find_idle_taps(GraphView& view);
std::vector<Patch> find_matmul_adds(GraphView& view);
std::vector<Patch> find_turned_matrices(GraphView& view);
std::vector<Patch> find_gelus(GraphView& view);
std::vector<Patch> find_activations(GraphView& view);
std::vector<Patch> find_attentions(GraphView& view);
std::vector<Patch> find_norms(GraphView& view);
std::vector<Patch> find_parallel_products(GraphView& view);
std::vector<Patch> find_split_heads(GraphView& view);
std::vector<Patch> find_idle_transposes(GraphView& view);
std::vector<Patch> find_slices(GraphView& view);
std::vector<Patch> find_high_splits(GraphView& view);
std::vector<Patch> find_high_reshapes(GraphView& view);
std::vector<Patch> find_costly_arithmetic(GraphView& view);
std::vector<Patch> find_global_pools(GraphView& view);
std::vector<Patch> find_late_means(GraphView& view);
std::vector<Patch> find_high_resizes(GraphView& view);
std::vector<Patch> find_group_norms(GraphView& view);
std::vector<Patch> find_einsums(GraphView& view);
std::vector<Patch> find_resizes(GraphView& view);
std::vector<Patch> find_rectifiers(GraphView& view);
std::vector<Patch> find_high_transposes(GraphView& view);
std::vector<Patch> find_known_branches(GraphView& view);
std::vector<Patch> find_dead_nodes(GraphView& view);

}  // namespace kiln::passes
