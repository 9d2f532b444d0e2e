#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <csetjmp>
#include <memory>

#include "base/atomic_write.hpp"
#include "base/error.hpp"
#include "kiln/vision/picture.hpp"

namespace kiln::vision {

namespace {

[[noreturn]] void on_error(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void on_warning(png_structp, png_const_charp) {}

/// libpng's two objects, for one file.
struct Writer {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  std::vector<uint8_t> file;

  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

void append(png_structp png, png_bytep bytes, size_t count) {
  auto* file = static_cast<std::vector<uint8_t>*>(png_get_io_ptr(png));
  bool good = true;
  try {
    file->insert(file->end(), bytes, bytes + count);
  } catch (...) {
    good = false;
  }
  // Not from the handler, which the jump would leave open.
  if (!good) png_error(png, "no memory");
}

void flush(png_structp) {}

/// libpng leaves by longjmp, so that nothing here needs a destructor.
bool write_png(Writer& writer, const uint8_t* pixels, int64_t width, int64_t height) {
  if (setjmp(png_jmpbuf(writer.png)) != 0) return false;
  png_set_write_fn(writer.png, &writer.file, append, flush);
  png_set_compression_level(writer.png, 3);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  for (int64_t y = 0; y < height; ++y) png_write_row(writer.png, pixels + y * width * 3);
  png_write_end(writer.png, writer.info);
  return true;
}

void require_pixels(const Picture& picture) {
  if (picture.width() == 0 || picture.height() == 0) {
    fail(ErrorCode::invalid_argument, "a picture without pixels cannot be written");
  }
}

}  // namespace

std::vector<uint8_t> Picture::to_png() const {
  require_pixels(*this);
  Writer writer;
  if (!writer.info || !write_png(writer, pixels_.get(), width_, height_)) {
    fail(ErrorCode::invalid_argument, "a picture of {} x {} pixels cannot be written as PNG", width_, height_);
  }
  return std::move(writer.file);
}

std::vector<uint8_t> Picture::to_jpeg(int quality) const {
  require_pixels(*this);
  if (quality < 1 || quality > 100) {
    fail(ErrorCode::invalid_argument, "the quality of a JPEG picture is {}, expected 1 to 100", quality);
  }
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), tjDestroy);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const bool good =
      encoder && tjCompress2(encoder.get(), pixels_.get(), static_cast<int>(width_), 0, static_cast<int>(height_),
                             TJPF_RGB, &bytes, &size, quality >= 90 ? TJSAMP_444 : TJSAMP_420, quality, 0) == 0;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(bytes, tjFree);
  if (!good) {
    fail(ErrorCode::invalid_argument, "a picture of {} x {} pixels cannot be written as JPEG: {}", width_, height_,
         encoder ? tjGetErrorStr2(encoder.get()) : "no memory");
  }
  return {bytes, bytes + size};
}

void Picture::save(const std::string& path) const {
  std::string ending = path.substr(std::min(path.size(), path.rfind('.')));
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (ending != ".png" && ending != ".jpg" && ending != ".jpeg") {
    fail(ErrorCode::invalid_argument, "{}: pictures are written as .png, .jpg or .jpeg", path);
  }
  const std::vector<uint8_t> file = ending == ".png" ? to_png() : to_jpeg();
  write_file_atomically(path, std::as_bytes(std::span(file)));
}

}  // namespace kiln::vision
