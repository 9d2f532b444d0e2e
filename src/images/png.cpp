#include <png.h>

#include <csetjmp>
#include <cstring>

#include "images/image.hpp"
#include "images/numbers.hpp"

namespace kiln {

namespace {

struct Source {
  const uint8_t* next;
  size_t left;
};

void read_bytes(png_structp png, png_bytep to, size_t count) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (count > source->left) png_error(png, "the file ends early");
  std::memcpy(to, source->next, count);
  source->next += count;
  source->left -= count;
}

[[noreturn]] void on_error(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void on_warning(png_structp, png_const_charp) {}

/// libpng's two objects, for one file.
struct Reader {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;

  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

// libpng leaves by longjmp, so that the functions that call it hold nothing that needs a destructor.

/// Reads the header and asks for 8-bit gray or RGB without alpha.
bool read_header(Reader& reader, Source& source) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_read_fn(reader.png, &source, read_bytes);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(reader.png, 16 << 20);
  png_set_chunk_cache_max(reader.png, 128);
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_pixels(Reader& reader, uint8_t** rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  return true;
}

}  // namespace

std::optional<Image> decode_png(Bytes file) {
  // Looked at before libpng, which would call what is too large damaged.
  const Numbers header(file, std::endian::big);
  constexpr uint32_t ihdr = 0x49484452;
  if (header.u32(12) == ihdr) require_image_size(header.u32(16), header.u32(20));
  Reader reader;
  Source source{file.data(), file.size()};
  if (!reader.info || !read_header(reader, source)) return {};
  const int channels = png_get_channels(reader.png, reader.info);
  if ((channels != 1 && channels != 3) || png_get_bit_depth(reader.png, reader.info) != 8) return {};
  Image image(png_get_image_width(reader.png, reader.info), png_get_image_height(reader.png, reader.info), channels);
  std::vector<uint8_t*> rows;
  for (int64_t y = 0; y < image.height; ++y) rows.push_back(image.row(y));
  if (!read_pixels(reader, rows.data())) return {};
  return image;
}

}  // namespace kiln
