#include "base/error.hpp"
#include "images/image.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText image_decoder_versions[] = {
    {20, "encoded_stream:T1 -> image:T2", "pixel_format:string=RGB", "T1=u8 T2=u8"},
};

enum class PixelFormat : uint8_t { rgb, bgr, grayscale };

PixelFormat read_format(const NodeView& node) {
  const std::string format = node.attr_string("pixel_format", "RGB");
  if (format == "RGB") return PixelFormat::rgb;
  if (format == "BGR") return PixelFormat::bgr;
  if (format == "Grayscale") return PixelFormat::grayscale;
  fail(ErrorCode::invalid_model, "attribute 'pixel_format' is '{}', expected RGB, BGR or Grayscale", format);
}

void infer_image_decoder(InferContext& context) {
  const int64_t channels = read_format(context) == PixelFormat::grayscale ? 1 : 3;
  if (context.shape(0) && context.shape(0)->size() != 1) {
    fail(ErrorCode::invalid_argument, "the encoded stream must be a list of bytes, found shape {}",
         to_string(*context.shape(0)));
  }
  context.set_output(0, DType::u8, SymShape{Dim(), Dim(), channels});
}

/// Luma after ITU-R 601 in 16-bit fixed point, rounded, as Pillow computes it.
uint8_t luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

void convert(const Image& image, PixelFormat format, uint8_t* to) {
  const auto count = static_cast<size_t>(image.width * image.height);
  const uint8_t* from = image.pixels.data();
  for (size_t i = 0; i < count; ++i, from += image.channels) {
    if (format == PixelFormat::grayscale) {
      *to++ = image.channels == 1 ? *from : luma(from);
      continue;
    }
    for (int c = 0; c < 3; ++c) *to++ = image.channels == 1 ? *from : from[format == PixelFormat::bgr ? 2 - c : c];
  }
}

void eval_image_decoder(EvalContext& context) {
  const PixelFormat format = read_format(context);
  const int64_t channels = format == PixelFormat::grayscale ? 1 : 3;
  const auto bytes = context.input(0).elements<uint8_t>();
  // What cannot be decoded gives an empty picture, as the standard asks.
  const std::optional<Image> image = decode_image(bytes);
  if (!image) {
    context.output(0, DType::u8, {0, 0, channels});
    return;
  }
  Tensor& y = context.output(0, DType::u8, {image->height, image->width, channels});
  convert(*image, format, y.mutable_data<uint8_t>());
}

}  // namespace

extern const OpDef image_decoder_op{"", "ImageDecoder", image_decoder_versions, infer_image_decoder,
                                    eval_image_decoder};

}  // namespace kiln::ops
