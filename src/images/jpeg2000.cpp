#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "images/image.hpp"

namespace kiln {

namespace {

struct Source {
  Bytes file;
  size_t at = 0;
};

OPJ_SIZE_T read_bytes(void* to, OPJ_SIZE_T count, void* user) {
  auto* source = static_cast<Source*>(user);
  count = std::min<OPJ_SIZE_T>(count, source->file.size() - source->at);
  if (count == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(to, source->file.data() + source->at, count);
  source->at += count;
  return count;
}

OPJ_BOOL seek(OPJ_OFF_T offset, void* user) {
  auto* source = static_cast<Source*>(user);
  if (offset < 0 || static_cast<uint64_t>(offset) > source->file.size()) return OPJ_FALSE;
  source->at = static_cast<size_t>(offset);
  return OPJ_TRUE;
}

OPJ_OFF_T skip(OPJ_OFF_T count, void* user) {
  auto* source = static_cast<Source*>(user);
  return seek(static_cast<OPJ_OFF_T>(source->at) + count, user) ? count : -1;
}

using Stream = std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)>;
using Codec = std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)>;
using Decoded = std::unique_ptr<opj_image_t, void (*)(opj_image_t*)>;

Stream open_stream(Source& source) {
  Stream stream(opj_stream_default_create(OPJ_TRUE), opj_stream_destroy);
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.file.size());
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_seek_function(stream.get(), seek);
  opj_stream_set_skip_function(stream.get(), skip);
  return stream;
}

/// A component's value at a pixel of the whole picture, as 8 bits.
uint8_t sample(const opj_image_comp_t& component, int64_t x, int64_t y) {
  const int64_t column = std::min<int64_t>(x / component.dx, component.w - 1);
  const int64_t row = std::min<int64_t>(y / component.dy, component.h - 1);
  int64_t value = component.data[row * component.w + column];
  if (component.sgnd) value += int64_t{1} << (component.prec - 1);
  const auto bits = static_cast<int>(component.prec);
  value = bits > 8 ? value >> (bits - 8) : bits < 8 ? value * 255 / ((int64_t{1} << bits) - 1) : value;
  return static_cast<uint8_t>(std::clamp<int64_t>(value, 0, 255));
}

void ycc_to_rgb(uint8_t* pixel) {
  const double y = pixel[0], cb = pixel[1] - 128.0, cr = pixel[2] - 128.0;
  const auto to_byte = [](double value) { return static_cast<uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)); };
  pixel[0] = to_byte(y + 1.402 * cr);
  pixel[1] = to_byte(y - 0.344136 * cb - 0.714136 * cr);
  pixel[2] = to_byte(y + 1.772 * cb);
}

Image to_image(const opj_image_t& decoded) {
  const int channels = decoded.numcomps >= 3 ? 3 : 1;
  Image image(int64_t{decoded.x1} - decoded.x0, int64_t{decoded.y1} - decoded.y0, channels);
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* pixel = image.row(y);
    for (int64_t x = 0; x < image.width; ++x, pixel += channels) {
      for (int c = 0; c < channels; ++c) pixel[c] = sample(decoded.comps[c], x, y);
      if (channels == 3 && decoded.color_space == OPJ_CLRSPC_SYCC) ycc_to_rgb(pixel);
    }
  }
  return image;
}

bool is_sound(const opj_image_t& image) {
  if (image.numcomps == 0 || image.x1 <= image.x0 || image.y1 <= image.y0) return false;
  for (OPJ_UINT32 i = 0; i < std::min<OPJ_UINT32>(image.numcomps, 3); ++i) {
    const opj_image_comp_t& component = image.comps[i];
    if (component.dx == 0 || component.dy == 0 || component.prec == 0 || component.prec > 31) return false;
  }
  return true;
}

bool has_data(const opj_image_t& image) {
  for (OPJ_UINT32 i = 0; i < std::min<OPJ_UINT32>(image.numcomps, 3); ++i) {
    if (!image.comps[i].data || image.comps[i].w == 0 || image.comps[i].h == 0) return false;
  }
  return true;
}

}  // namespace

std::optional<Image> decode_jpeg2000(Bytes file) {
  Source source{file};
  const Stream stream = open_stream(source);
  const bool bare = file[0] == 0xff;
  const Codec codec(opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2), opj_destroy_codec);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (!codec || !opj_setup_decoder(codec.get(), &parameters)) return {};
  opj_image_t* header = nullptr;
  const bool read = opj_read_header(stream.get(), codec.get(), &header) == OPJ_TRUE;
  const Decoded decoded(header, opj_image_destroy);
  if (!read || !header || !is_sound(*header) || header->numcomps > 16) return {};
  // Checks the size before the library allocates for it.
  (void)Image(int64_t{header->x1} - header->x0, (int64_t{header->y1} - header->y0) * header->numcomps, 0);
  if (!opj_decode(codec.get(), stream.get(), header) || !opj_end_decompress(codec.get(), stream.get())) return {};
  if (!has_data(*header)) return {};
  return to_image(*header);
}

}  // namespace kiln
