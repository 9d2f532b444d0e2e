#include "kiln/vision/picture.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "images/image.hpp"
#include "kiln/error.hpp"

namespace kiln::vision {
namespace {

std::string path_of(const std::string& name) { return std::string(KILN_TESTS_DIR) + "/vision/pictures/" + name; }

std::vector<uint8_t> bytes_of(const std::string& name) {
  std::ifstream file(path_of(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The picture that make_pictures.py stores in all its files.
std::array<int, 3> colour_at(int64_t x, int64_t y) {
  return {static_cast<int>(10 * x), static_cast<int>(15 * y), x < 8 && y < 8 ? 250 : 30};
}

/// The largest difference of a channel.
int difference(const Picture& picture, bool gray = false) {
  EXPECT_EQ(picture.width(), 24);
  EXPECT_EQ(picture.height(), 16);
  if (picture.width() != 24 || picture.height() != 16) return 255;
  int largest = 0;
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 24; ++x) {
      std::array<int, 3> wanted = colour_at(x, y);
      if (gray) wanted.fill((299 * wanted[0] + 587 * wanted[1] + 114 * wanted[2]) / 1000);
      for (size_t c = 0; c < 3; ++c)
        largest = std::max(largest, std::abs(wanted[c] - picture.row(y)[3 * x + static_cast<int64_t>(c)]));
    }
  }
  return largest;
}

ErrorCode code_of(std::span<const uint8_t> file) {
  try {
    Picture::decode(file);
  } catch (const Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty());
    return error.code();
  }
  ADD_FAILURE() << "decoded";
  return ErrorCode::internal;
}

TEST(Picture, IsTurnedAsItsFileSays) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const char* ending : {".png", ".tiff"}) {
      const std::string name = "turned_" + std::to_string(orientation) + ending;
      EXPECT_EQ(difference(Picture::load(path_of(name))), 0) << name;
    }
  }
  EXPECT_EQ(difference(Picture::load(path_of("turned.webp"))), 0);
  EXPECT_LE(difference(Picture::load(path_of("turned.jpg"))), 24);
}

TEST(Picture, OfEveryKindIsRgb) {
  for (const char* name : {"alpha.png", "animated.png", "animated.webp", "plain.bmp", "inks.tiff"}) {
    EXPECT_LE(difference(Picture::load(path_of(name))), 2) << name;
  }
  for (const char* name : {"inks.jpg", "progressive.jpg", "palette.png", "palette.bmp"}) {
    EXPECT_LE(difference(Picture::load(path_of(name))), 48) << name;
  }
  for (const char* name : {"gray.jpg", "gray16.png", "gray16.tiff"}) {
    EXPECT_LE(difference(Picture::load(path_of(name)), true), 12) << name;
  }
  EXPECT_EQ(Picture::load(path_of("bits.png")).width(), 24);
}

TEST(Picture, ThatCannotBeReadIsAnError) {
  EXPECT_EQ(code_of({}), ErrorCode::invalid_data);
  EXPECT_EQ(code_of(std::vector<uint8_t>{'G', 'I', 'F', '8', '9', 'a', 0, 0}), ErrorCode::invalid_data);
  EXPECT_EQ(code_of(bytes_of("huge.png")), ErrorCode::limit_exceeded);
  EXPECT_THROW(Picture::load(path_of("absent.png")), Error);
}

TEST(Picture, IsNoLargerThanTheKnobAllows) {
  const std::vector<uint8_t> file = bytes_of("plain.bmp");
  const Picture picture = Picture::decode(file);
  max_pixels.set(picture.width() * picture.height() - 1);
  EXPECT_EQ(code_of(file), ErrorCode::limit_exceeded);
  max_pixels.set(picture.width() * picture.height());
  EXPECT_EQ(Picture::decode(file).width(), picture.width());
  max_pixels.reset();
}

TEST(Picture, CutAnywhereNeverCrashes) {
  for (const char* name : {"turned.jpg", "inks.jpg", "turned.webp", "animated.webp", "turned_6.png", "palette.png",
                           "turned_6.tiff", "gray16.tiff", "palette.bmp", "plain.bmp"}) {
    const std::vector<uint8_t> whole = bytes_of(name);
    ASSERT_FALSE(whole.empty()) << name;
    for (size_t size = 0; size < whole.size(); size += 1 + size / 50) {
      // In memory of its own, so that a sanitizer sees what is read beyond its end.
      const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      try {
        Picture::decode(cut);
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << name << " at " << size;
      }
    }
  }
}

TEST(Picture, IsWrittenAndReadAgain) {
  const Picture picture = Picture::load(path_of("plain.bmp"));
  EXPECT_EQ(difference(Picture::decode(picture.to_png())), 0);
  EXPECT_LE(difference(Picture::decode(picture.to_jpeg(98))), 12);
  const std::string path = testing::TempDir() + "kiln_picture_test.JPG";
  picture.save(path);
  EXPECT_LE(difference(Picture::load(path)), 24);
  EXPECT_THROW(picture.save(testing::TempDir() + "picture.gif"), Error);
  EXPECT_THROW(picture.to_jpeg(0), Error);
  EXPECT_THROW(Picture().to_png(), Error);
}

TEST(Picture, PartsMustLieInside) {
  const Picture picture = Picture::load(path_of("plain.bmp"));
  const Picture part(PictureView(picture).part(3, 4, 5, 6));
  EXPECT_EQ(part.width(), 5);
  EXPECT_EQ(part.row(2)[3 * 4], colour_at(7, 6)[0]);
  EXPECT_THROW(PictureView(picture).part(20, 0, 5, 1), Error);
  EXPECT_THROW(PictureView(picture).part(-1, 0, 5, 1), Error);
  EXPECT_THROW(Picture(2, 2, std::vector<uint8_t>(11)), Error);
  EXPECT_THROW(Picture(int64_t{1} << 20, int64_t{1} << 20), Error);
}

}  // namespace
}  // namespace kiln::vision
