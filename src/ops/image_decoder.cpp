#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText image_decoder_versions[] = {
    {20, "encoded_stream:T1 -> image:T2", "pixel_format:string=RGB", "T1=u8 T2=u8"},
};

}  // namespace

extern const OpDef image_decoder_op{"", "ImageDecoder", image_decoder_versions};

}  // namespace kiln::ops
