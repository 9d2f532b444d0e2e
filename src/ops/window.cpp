#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText blackman_window_versions[] = {
    {17, "size:T1 -> output:T2", "output_datatype:int=1 periodic:int=1", "T1=i32,i64 T2=numeric,bf16"},
};

constexpr SchemaText hamming_window_versions[] = {
    {17, "size:T1 -> output:T2", "output_datatype:int=1 periodic:int=1", "T1=i32,i64 T2=numeric,bf16"},
};

constexpr SchemaText hann_window_versions[] = {
    {17, "size:T1 -> output:T2", "output_datatype:int=1 periodic:int=1", "T1=i32,i64 T2=numeric,bf16"},
};

}  // namespace

extern const OpDef blackman_window_op{"", "BlackmanWindow", blackman_window_versions};
extern const OpDef hamming_window_op{"", "HammingWindow", hamming_window_versions};
extern const OpDef hann_window_op{"", "HannWindow", hann_window_versions};

}  // namespace kiln::ops
