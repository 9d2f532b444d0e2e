#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText stft_versions[] = {
    {17, "signal:T1 frame_step:T2 window?:T1 frame_length?:T2 -> output:T1",
     "onesided:int=1",
     "T1=real,bf16 T2=i32,i64"},
};

}  // namespace

extern const OpDef stft_op{"", "STFT", stft_versions};

}  // namespace kiln::ops
