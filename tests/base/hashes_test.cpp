#include <gtest/gtest.h>

#include <string>

#include "base/checksum.hpp"
#include "base/sha256.hpp"

namespace kiln {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
std::string sha(std::string_view text) { return hex(sha256(bytes_of(text))); }

// The examples of FIPS 180-4 and of NIST's test vectors.
TEST(Sha256, StandardVectors) {
  EXPECT_EQ(sha(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveWhatTheWholeGives) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  for (size_t piece : {1, 3, 63, 64, 65, 130}) {
    Sha256 hash;
    for (size_t at = 0; at < text.size(); at += piece) hash.add(bytes_of(std::string_view(text).substr(at, piece)));
    EXPECT_EQ(hex(hash.finish()), sha(text)) << piece;
  }
}

// As the tool xxhsum (-H64) gives them.
TEST(Checksum, KnownValues) {
  EXPECT_EQ(checksum64({}), 0xef46db3751d8e999u);
  EXPECT_EQ(checksum64(bytes_of("a")), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(checksum64(bytes_of("abc")), 0x44bc2cf5ad770999u);
  EXPECT_EQ(checksum64(bytes_of("Nobody inspects the spammish repetition")), 0xfbcea83c8a378bf1u);
}

TEST(Checksum, PiecesGiveWhatTheWholeGives) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += static_cast<char>(i * 11);
  for (size_t piece : {1, 7, 31, 32, 33, 100}) {
    Checksum64 sum;
    for (size_t at = 0; at < text.size(); at += piece) sum.add(bytes_of(std::string_view(text).substr(at, piece)));
    EXPECT_EQ(sum.finish(), checksum64(bytes_of(text))) << piece;
  }
}

}  // namespace
}  // namespace kiln
