#pragma once

#include <span>

#include "base/knobs.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

inline Knob<bool> verify_shapes{"verify_shapes", "KILN_VERIFY_SHAPES", false,
                                "hold every result against the types and shapes that inference gives for it"};
inline Knob<int64_t> max_tensor_bytes{
    "max_tensor_bytes", "KILN_MAX_TENSOR_BYTES", int64_t{16} << 30, "largest tensor, in bytes, that a run may make", 1,
    int64_t{1} << 46};

inline Knob<int64_t> max_run_bytes{"max_run_bytes",
                                   "KILN_MAX_RUN_BYTES",
                                   int64_t{1} << 40,
                                   "most bytes that the tensors of a run may hold at the same time",
                                   1,
                                   int64_t{1} << 46};
inline Knob<int64_t> max_memory{"max_memory",
                                "KILN_MAX_MEMORY",
                                0,
                                "most bytes that a run may take: the memory that it works in, plans and outputs; 0 for "
                                "no limit",
                                0,
                                int64_t{1} << 46};
inline Knob<int64_t> max_plans{
    "max_plans", "KILN_MAX_PLANS", 32, "most plans (one for each shape of the inputs) that are kept for the next runs",
    1,           1 << 20};
inline Knob<int64_t> max_plan_bytes{"max_plan_bytes", "KILN_MAX_PLAN_BYTES", int64_t{16} << 20,
                                    "most bytes that kept plans may take; the latest stays in any case", 0};
inline Knob<int64_t> idle_memory_ms{
    "idle_memory_ms",
    "KILN_IDLE_MEMORY_MS",
    10'000,
    "milliseconds without a run after which a session gives the memory that it works in back; 0 to keep it",
    0,
    int64_t{1} << 40};
inline Knob<int64_t> max_run_ms{"max_run_ms", "KILN_MAX_RUN_MS", 0,
                                "longest time in milliseconds that a run may take, looked at between nodes and in "
                                "loops; 0 for no limit",
                                0};
inline Knob<int64_t> turn_us{
    "turn_us", "KILN_TURN_US", 15'000,
    "microseconds of work, about, after which a run looks inside a long node whether it should stop", 1};
inline Knob<int64_t> max_expanded_nodes{
    "max_expanded_nodes", "KILN_MAX_EXPANDED_NODES", 1'000'000,
    "most nodes that the functions of a model may stand for, and that type inference "
    "looks at",
    1};

enum class BandsChoice : uint8_t { automatic, on, off };
inline ChoiceKnob<BandsChoice> bands_knob{
    "bands",
    "KILN_BANDS",
    BandsChoice::automatic,
    "whether steps that are local in space run together, some rows at a time; auto: where that should be faster",
    {{"auto", BandsChoice::automatic}, {"on", BandsChoice::on}, {"off", BandsChoice::off}}};

inline Knob<std::string> onednn_knob{
    "onednn", "KILN_ONEDNN", "auto",
    "the library with oneDNN's tactics (libkiln_onednn.so), for engines that chose one of them and for builds; auto "
    "looks beside Kiln and where the system looks, off never loads it"};

/// The knobs of this room.
KnobList runtime_knobs();

/// Whether a run may make such a tensor: it takes at most max_tensor_bytes.
bool is_within_tensor_limit(DType dtype, const Shape& shape);

/// Fails, naming the knob, for a tensor that a run may not make.
void check_tensor_limit(DType dtype, const Shape& shape);

}  // namespace kiln
