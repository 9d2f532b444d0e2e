#include <ft2build.h>

#include FT_FREETYPE_H

#include <array>
#include <cmath>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "vision/draw/blend.hpp"
#include "vision/vision_knobs.hpp"

namespace kiln::vision {

namespace {

constexpr std::array<const char*, 6> known_fonts{"/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
                                                 "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
                                                 "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
                                                 "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
                                                 "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                                                 "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"};

template <auto done>
struct Done {
  void operator()(auto* what) const { done(what); }
};

/// The process's font. FreeType's objects are used by one thread at a time.
class Font {
 public:
  Font() {
    FT_Library library = nullptr;
    if (FT_Init_FreeType(&library) != 0) return;
    library_.reset(library);
    if (const std::string wanted = font_knob.get(); !wanted.empty()) {
      if (!open(wanted.c_str())) {
        fail(ErrorCode::not_found, "the knob font names '{}', which is no font that can be read", wanted);
      }
      return;
    }
    for (const char* path : known_fonts) {
      if (open(path)) return;
    }
  }

  /// Calls use(glyph, x) for each letter with where it begins, and gives back where the next would.
  template <class Use>
  int64_t for_letters(const std::u32string& text, int height, const Use& use) {
    if (!face_ || FT_Set_Pixel_Sizes(face_.get(), 0, static_cast<FT_UInt>(height)) != 0) return 0;
    int64_t x = 0;
    for (const char32_t letter : text) {
      if (FT_Load_Char(face_.get(), letter, FT_LOAD_RENDER) != 0) continue;
      use(*face_->glyph, x);
      x += face_->glyph->advance.x >> 6;
    }
    return x;
  }

 private:
  bool open(const char* path) {
    FT_Face face = nullptr;
    if (FT_New_Face(library_.get(), path, 0, &face) != 0) return false;
    face_.reset(face);
    return true;
  }

  std::unique_ptr<FT_LibraryRec_, Done<FT_Done_FreeType>> library_;
  std::unique_ptr<FT_FaceRec_, Done<FT_Done_Face>> face_;
};

void draw_letter(Picture& picture, const FT_GlyphSlotRec_& glyph, int64_t left, int64_t base, Colour colour) {
  const FT_Bitmap& bitmap = glyph.bitmap;
  if (bitmap.pixel_mode != FT_PIXEL_MODE_GRAY) return;
  for (int64_t row = 0; row < bitmap.rows; ++row) {
    const int64_t y = base - glyph.bitmap_top + row;
    if (y < 0 || y >= picture.height()) continue;
    for (int64_t column = 0; column < bitmap.width; ++column) {
      const int64_t x = left + glyph.bitmap_left + column;
      if (x < 0 || x >= picture.width()) continue;
      blend(picture.row(y) + 3 * x, colour, bitmap.buffer[row * bitmap.pitch + column] / 255.0);
    }
  }
}

}  // namespace

void draw_label(Picture& picture, Point corner, std::string_view text, Colour colour, int height) {
  if (picture.width() == 0 || picture.height() == 0 || !(std::abs(corner.x) + std::abs(corner.y) < 1e9f)) return;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static Font font;
  if (height <= 0) height = std::max(12, static_cast<int>((picture.width() + picture.height()) / 90));
  const std::u32string letters = decode_utf8(text).value_or(U"?");
  const int64_t margin = std::max(1, height / 6),
                wide = font.for_letters(letters, height, [](auto&&...) {}) + 2 * margin;
  const int64_t high = height + 2 * margin;
  const auto kept_inside = [](float place, int64_t size, int64_t room) {
    return std::clamp<int64_t>(static_cast<int64_t>(place), 0, std::max<int64_t>(0, room - size));
  };
  const int64_t left = kept_inside(corner.x, wide, picture.width());
  const int64_t top = kept_inside(corner.y - static_cast<float>(high), high, picture.height());
  for (int64_t y = top; y < std::min(top + high, picture.height()); ++y) {
    for (int64_t x = left; x < std::min(left + wide, picture.width()); ++x) blend(picture.row(y) + 3 * x, colour, 0.85);
  }
  const int64_t base = top + margin + height * 5 / 6;
  font.for_letters(letters, height, [&](const FT_GlyphSlotRec_& glyph, int64_t x) {
    draw_letter(picture, glyph, left + margin + x, base, {255, 255, 255});
  });
}

}  // namespace kiln::vision
