#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText zip_map_versions[] = {
    {1, "X:f32 -> Z:T",
     "classlabels_int64s:ints classlabels_strings:strings",
     "T=seq(map(string,f32)),seq(map(i64,f32))"},
};

}  // namespace

extern const OpDef zip_map_op{"ai.onnx.ml", "ZipMap", zip_map_versions};

}  // namespace kiln::ops
