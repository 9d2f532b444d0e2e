#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText mel_weight_matrix_versions[] = {
    {17, "num_mel_bins:T1 dft_length:T1 sample_rate:T1 lower_edge_hertz:T2 upper_edge_hertz:T2 -> output:T3",
     "output_datatype:int=1",
     "T1=i32,i64 T2=real,bf16 T3=numeric,bf16"},
};

}  // namespace

extern const OpDef mel_weight_matrix_op{"", "MelWeightMatrix", mel_weight_matrix_versions};

}  // namespace kiln::ops
