#include "kiln/vision/video.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/error.hpp"
#include "vision/video/process.hpp"
#include "vision/vision_knobs.hpp"

namespace kiln::vision {

namespace {

/// As ffmpeg takes it: never an option or an address.
std::string file_argument(const std::string& path) { return "file:" + path; }

std::unique_ptr<Process> start(std::vector<std::string> arguments, Process::Stream stream) {
  const std::string program = ffmpeg_knob.get();
  arguments.insert(arguments.begin(), {program, "-nostdin", "-hide_banner"});
  try {
    return std::make_unique<Process>(arguments, stream);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) throw;
    fail(ErrorCode::not_found, "videos need the program '{}', which is not here: Debian has it in the package ffmpeg",
         program);
  }
}

/// The last line of what it said.
std::string reason_of(const Process& process) {
  std::string text = process.said();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const size_t begin = text.find_last_of("\r\n");
  return begin == std::string::npos ? text : text.substr(begin + 1);
}

/// The number before a word, as in "30 fps"; 0 where there is none.
double number_before(const std::string& text, std::string_view word) {
  const size_t end = text.find(word);
  if (end == std::string::npos) return 0;
  size_t begin = end;
  while (begin > 0 && (std::isdigit(static_cast<unsigned char>(text[begin - 1])) || text[begin - 1] == '.')) --begin;
  const double number = std::strtod(text.substr(begin, end - begin).c_str(), nullptr);
  return number * (text[end] == 'k' ? 1000 : 1);
}

/// What follows "Duration: " as 00:01:02.50; 0 where nobody knows.
double seconds_in(const std::string& text) {
  const size_t at = text.find("Duration: ");
  int hours = 0, minutes = 0;
  double seconds = 0;
  if (at == std::string::npos || std::sscanf(text.c_str() + at, "Duration: %d:%d:%lf", &hours, &minutes, &seconds) != 3)
    return 0;
  return hours * 3600.0 + minutes * 60.0 + seconds;
}

}  // namespace

bool is_video_name(const std::string& path) {
  constexpr std::array<std::string_view, 15> endings{".mp4", ".m4v", ".mkv", ".avi", ".mov", ".webm", ".mpg", ".mpeg",
                                                     ".ts",  ".mts", ".ogv", ".wmv", ".flv", ".y4m",  ".3gp"};
  std::string ending = std::filesystem::path(path).extension().string();
  for (char& letter : ending) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

struct Video::Impl {
  std::string path;
  std::unique_ptr<Process> process;
  std::vector<uint8_t> buffer;
  size_t begin = 0, end = 0;
  std::optional<Picture> first;
  double frames_per_second = 0, seconds = 0;

  int next_byte() {
    if (begin == end) {
      begin = 0;
      end = process->read(buffer.data(), buffer.size());
      if (end == 0) return -1;
    }
    return buffer[begin++];
  }
  /// A number of a PPM's header and the byte behind it; -1 at the end of the stream.
  int64_t next_number() {
    int byte = next_byte();
    while (byte >= 0 && std::isspace(byte)) byte = next_byte();
    int64_t number = -1;
    for (; byte >= '0' && byte <= '9'; byte = next_byte()) {
      number = std::min<int64_t>(std::max<int64_t>(number, 0) * 10 + (byte - '0'), int64_t{1} << 40);
    }
    return number;
  }
  bool read_bytes(uint8_t* to, size_t size) {
    while (size > 0) {
      if (begin == end) {
        begin = 0;
        end = process->read(buffer.data(), buffer.size());
        if (end == 0) return false;
      }
      const size_t count = std::min(size, end - begin);
      std::copy_n(buffer.data() + begin, count, to);
      begin += count;
      to += count;
      size -= count;
    }
    return true;
  }
  std::optional<Picture> read_frame();
};

std::optional<Picture> Video::Impl::read_frame() {
  const int letter = next_byte();
  const bool starts = letter == 'P' && next_byte() == '6';
  const int64_t width = starts ? next_number() : -1, height = starts ? next_number() : -1;
  const int64_t levels = starts ? next_number() : -1;
  if (letter >= 0 && width > 0 && height > 0 && levels == 255) {
    Picture frame(width, height);
    if (read_bytes(frame.row(0), static_cast<size_t>(3 * width * height))) return frame;
  }
  if (const int status = process->finish(); status != 0 || letter >= 0) {
    fail(ErrorCode::invalid_data, "the video {} cannot be read: {}", path, reason_of(*process));
  }
  return {};
}

Video::Video(const std::string& path) : impl_(std::make_unique<Impl>()) {
  if (!std::filesystem::is_regular_file(path)) fail(ErrorCode::not_found, "{} is no file", path);
  impl_->path = path;
  impl_->buffer.resize(1 << 18);
  impl_->process = start({"-protocol_whitelist", "file,pipe", "-i", file_argument(path), "-map", "0:v:0", "-an", "-c:v",
                          "ppm", "-f", "image2pipe", "-"},
                         Process::Stream::from_it);
  impl_->first = impl_->read_frame();
  if (!impl_->first) fail(ErrorCode::invalid_data, "the video {} has no frames", path);
  // All of this was said before the first frame came.
  const std::string said = impl_->process->said();
  impl_->frames_per_second = std::max(0.0, number_before(said, " fps"));
  impl_->seconds = seconds_in(said);
}

Video::Video(Video&&) noexcept = default;
Video& Video::operator=(Video&&) noexcept = default;
Video::~Video() = default;

std::optional<Picture> Video::next() {
  if (impl_->first) return std::exchange(impl_->first, std::nullopt);
  return impl_->process ? impl_->read_frame() : std::nullopt;
}

double Video::frames_per_second() const { return impl_->frames_per_second > 0 ? impl_->frames_per_second : 25; }

int64_t Video::expected_frames() const {
  return static_cast<int64_t>(std::clamp(impl_->seconds * frames_per_second(), 0.0, 1e12));
}

struct VideoWriter::Impl {
  std::string path;
  double frames_per_second;
  std::unique_ptr<Process> process;
  int64_t width = 0, height = 0;

  [[noreturn]] void refuse() {
    process->finish();
    fail(ErrorCode::io, "the video {} cannot be written: {}", path, reason_of(*process));
  }
};

VideoWriter::VideoWriter(const std::string& path, double frames_per_second)
    : impl_(std::make_unique<Impl>(Impl{path, frames_per_second, nullptr})) {
  if (!(frames_per_second > 0 && frames_per_second <= 1e6)) {
    fail(ErrorCode::invalid_argument, "a video of {} frames a second cannot be written", frames_per_second);
  }
}

VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
VideoWriter::~VideoWriter() {
  if (impl_ && impl_->process) impl_->process->finish();
}

void VideoWriter::add(const PictureView& frame) {
  Impl& impl = *impl_;
  if (!impl.process) {
    impl.width = frame.width;
    impl.height = frame.height;
    // Most codecs take sides that are even only.
    impl.process =
        start({"-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt::format("{}x{}", impl.width, impl.height), "-r",
               fmt::format("{}", impl.frames_per_second), "-i", "pipe:0", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2",
               "-pix_fmt", "yuv420p", file_argument(impl.path)},
              Process::Stream::to_it);
  }
  if (frame.width != impl.width || frame.height != impl.height) {
    fail(ErrorCode::invalid_argument, "a frame of {} x {} pixels in a video of {} x {}", frame.width, frame.height,
         impl.width, impl.height);
  }
  for (int64_t y = 0; y < frame.height; ++y) {
    if (!impl.process->write(frame.row(y), static_cast<size_t>(3 * frame.width))) impl.refuse();
  }
}

void VideoWriter::finish() {
  if (!impl_->process) fail(ErrorCode::invalid_argument, "the video {} has no frames", impl_->path);
  if (impl_->process->finish() != 0) impl_->refuse();
}

}  // namespace kiln::vision
