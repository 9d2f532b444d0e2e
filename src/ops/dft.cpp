#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dft_versions[] = {
    {17, "input:T1 dft_length?:T2 -> output:T1",
     "axis:int=1 inverse:int=0 onesided:int=0",
     "T1=real,bf16 T2=i32,i64"},
    {20, "input:T1 dft_length?:T2 axis?:i64 -> output:T1",
     "inverse:int=0 onesided:int=0",
     "T1=real,bf16 T2=i32,i64"},
};

}  // namespace

extern const OpDef dft_op{"", "DFT", dft_versions};

}  // namespace kiln::ops
