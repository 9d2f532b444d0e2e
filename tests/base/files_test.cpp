#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "base/atomic_write.hpp"
#include "base/error.hpp"
#include "base/mapped_file.hpp"
#include "base/safe_open.hpp"
#include "scratch_folder.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

template <class Body>
void expect_error(ErrorCode code, std::string_view part, Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error; expected one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
  }
}

std::string text_of(const OpenFile& file) {
  std::string text(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  return text;
}

class OpenBeneath : public testing::TestWithParam<BeneathMethod> {
 protected:
  OpenFile open(std::string_view path) const { return open_beneath(folder_.path(), path, GetParam()); }
  void expect_refused(std::string_view path, std::string_view part, ErrorCode code = ErrorCode::invalid_model) const {
    expect_error(code, part, [&] { open(path); });
  }
  ScratchFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Methods, OpenBeneath, testing::Values(BeneathMethod::best, BeneathMethod::walk),
                         [](const auto& method) { return method.param == BeneathMethod::best ? "best" : "walk"; });

TEST_P(OpenBeneath, OpensFilesInsideTheFolder) {
  folder_.write("weights.bin", "abc");
  folder_.write("a/b/c..bin", "deep");
  EXPECT_EQ(text_of(open("weights.bin")), "abc");
  EXPECT_EQ(text_of(open("./weights.bin")), "abc");
  EXPECT_EQ(text_of(open("a//b/./c..bin")), "deep");
}

TEST_P(OpenBeneath, RefusesPathsThatAreNotPlainlyDownward) {
  const std::string file = folder_.write("a/weights.bin", "abc");
  expect_refused(file, "absolute");
  expect_refused("../x", "'..'");
  expect_refused("a/../a/weights.bin", "'..'");
  expect_refused("a/..", "'..'");
  expect_refused("", "empty");
  expect_refused(".", "names a folder");
  expect_refused("a/", "names a folder");
  expect_refused(std::string_view("a\0b", 3), "zero byte");
  expect_refused("a", "is a folder");
  expect_refused("absent", "No such file", ErrorCode::not_found);
  expect_refused("absent/weights.bin", "No such file", ErrorCode::not_found);
  expect_refused("a/weights.bin/x", "Not a directory", ErrorCode::not_found);
}

TEST_P(OpenBeneath, RefusesLinks) {
  folder_.write("a/weights.bin", "abc");
  fs::create_symlink("weights.bin", folder_ / "a/link");
  fs::create_symlink("nowhere", folder_ / "a/dangling");
  fs::create_directory_symlink("a", folder_ / "b");
  fs::create_directory_symlink("/proc/self", folder_ / "proc");
  expect_refused("a/link", "symbolic link");
  expect_refused("a/dangling", "symbolic link");
  expect_refused("b/weights.bin", "symbolic link");
  expect_refused("proc/maps", "symbolic link");
  fs::create_hard_link(folder_ / "a/weights.bin", folder_ / "hard");
  expect_refused("hard", "2 hard links");
  expect_refused("a/weights.bin", "2 hard links");
}

TEST_P(OpenBeneath, RefusesPipesAndDevicesWithoutWaiting) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_refused("pipe", "is a pipe");
  expect_error(ErrorCode::invalid_model, "is a device", [] { open_beneath("/dev", "null", GetParam()); });
}

TEST_P(OpenBeneath, FollowsLinksInTheFolderThatTheUserNamed) {
  folder_.write("a/weights.bin", "abc");
  fs::create_directory_symlink("a", folder_ / "b");
  EXPECT_EQ(text_of(open_beneath(folder_ / "b", "weights.bin", GetParam())), "abc");
  expect_error(ErrorCode::not_found, "absent", [&] { open_beneath(folder_ / "absent", "x", GetParam()); });
}

TEST(OpenFile, FollowsTheUsersLinksButWantsARegularFile) {
  const ScratchFolder folder;
  folder.write("x", "abc");
  fs::create_symlink("x", folder / "link");
  EXPECT_EQ(text_of(open_file(folder / "link")), "abc");
  expect_error(ErrorCode::invalid_argument, "a folder", [&] { open_file(folder.path()); });
  expect_error(ErrorCode::invalid_argument, "a device", [] { open_file("/dev/null"); });
  expect_error(ErrorCode::not_found, "No such file", [&] { open_file(folder / "absent"); });
  expect_error(ErrorCode::invalid_data, "has 3", [&] {
    std::byte bytes[2];
    open_file(folder / "x").read(2, bytes);
  });
}

TEST(ReadFile, WholeAndLimited) {
  const ScratchFolder folder;
  folder.write("x", "abc");
  EXPECT_EQ(read_text_file(folder / "x"), "abc");
  EXPECT_EQ(read_file(folder / "x", 3).size(), 3u);
  expect_error(ErrorCode::limit_exceeded, "at most 2", [&] { read_file(folder / "x", 2); });
}

TEST(MappedFile, MapsWholeFilesAndRanges) {
  const ScratchFolder folder;
  std::string content(10000, 'x');
  content[5001] = 'y';
  const OpenFile file = open_file(folder.write("x", content));
  const MappedFile whole(file);
  EXPECT_EQ(whole.size(), 10000u);
  MappedFile part(file, 5000, 3);
  part.advise(Advice::will_need);
  part.advise(Advice::dont_need, 1, 1);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(part.data().data()), part.size()), "xyx");
  const MappedFile moved(std::move(part));
  EXPECT_EQ(moved.data()[1], std::byte{'y'});
  EXPECT_EQ(MappedFile(file, 10000, 0).size(), 0u);
  expect_error(ErrorCode::invalid_data, "has 10000", [&] { MappedFile(file, 9999, 2); });
  expect_error(ErrorCode::invalid_data, "has 10000", [&] { MappedFile(file, UINT64_MAX, 2); });
  EXPECT_TRUE(MappedFile(open_file(folder.write("empty", ""))).data().empty());
}

size_t entries_of(const ScratchFolder& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder.path()), {}));
}

TEST(WriteFileAtomically, ReplacesTheWholeFileAndKeepsItsMode) {
  const ScratchFolder folder;
  write_file_atomically(folder / "x", "first");
  EXPECT_EQ(read_text_file(folder / "x"), "first");
  fs::permissions(folder / "x", fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomically(folder / "x", [](FileWriter& writer) {
    writer.write("a");
    writer.pad_to(64);
    EXPECT_EQ(writer.position(), 64u);
    writer.write(std::string(200000, 'b'));
    writer.write("c");
    EXPECT_EQ(writer.position(), 200065u);
  });
  EXPECT_EQ(read_text_file(folder / "x"), "a" + std::string(63, '\0') + std::string(200000, 'b') + "c");
  EXPECT_EQ(fs::status(folder / "x").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(entries_of(folder), 1u);
}

TEST(WriteFileAtomically, WhatIsLetGoIsOnTheDisk) {
  const ScratchFolder folder;
  std::string large(size_t{45} << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 9);
  write_file_atomically(folder / "x", [&](FileWriter& writer) {
    writer.write("kept");
    writer.write(std::as_bytes(std::span(large)), Written::let_go);
    writer.write("kept too");
    EXPECT_EQ(writer.position(), large.size() + 12);
  });
  EXPECT_TRUE(read_text_file(folder / "x") == "kept" + large + "kept too");
}

TEST(WriteFileAtomically, AFailureLeavesTheOldFileAndNothingElse) {
  const ScratchFolder folder;
  folder.write("x", "old");
  EXPECT_THROW(write_file_atomically(folder / "x",
                                     [](FileWriter& writer) {
                                       writer.write("new");
                                       throw std::runtime_error("stop");
                                     }),
               std::runtime_error);
  EXPECT_EQ(read_text_file(folder / "x"), "old");
  EXPECT_EQ(entries_of(folder), 1u);
  expect_error(ErrorCode::io, "create", [&] { write_file_atomically(folder / "absent/x", "new"); });
  expect_error(ErrorCode::invalid_argument, "no regular file", [] { write_file_atomically("/dev/null", "new"); });
}

TEST(WriteFileAtomically, AProgramThatEndsMeanwhileLeavesNothing) {
  const ScratchFolder folder;
  folder.write("x", "old");
  const int unnamed = ::open(folder.path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (unnamed < 0) GTEST_SKIP() << "this file system has no files without names";
  ::close(unnamed);
  EXPECT_EXIT(write_file_atomically(folder / "x",
                                    [](FileWriter& writer) {
                                      writer.write(std::string(size_t{5} << 20, 'n'));
                                      ::_exit(3);
                                    }),
              testing::ExitedWithCode(3), "");
  EXPECT_EQ(read_text_file(folder / "x"), "old");
  EXPECT_EQ(entries_of(folder), 1u);
}

TEST(WriteFileAtomically, WritesThroughALink) {
  const ScratchFolder folder;
  folder.write("x", "old");
  fs::create_symlink("x", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text_file(folder / "x"), "new");
}

}  // namespace
}  // namespace kiln
