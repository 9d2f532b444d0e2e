#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kiln/vision/picture.hpp"

namespace kiln::vision {

/// Whether a file's name ends as those of videos do (.mp4, .mkv, .avi, .mov, .webm, ...).
bool is_video_name(const std::string& path);

/// The frames of a video, which the program ffmpeg decodes (Debian's package of that name, or what the knob `ffmpeg`
/// names), so that nobody who has no videos needs it. For one thread at a time.
class Video {
 public:
  /// Fails with not_found where there is no such file or no ffmpeg, and with invalid_data for what it cannot read.
  explicit Video(const std::string& path);
  Video(Video&&) noexcept;
  Video& operator=(Video&&) noexcept;
  ~Video();

  /// The next frame, none behind the last one.
  std::optional<Picture> next();
  double frames_per_second() const;
  /// How many frames there will be as far as the file says, 0 where it does not.
  int64_t expected_frames() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes a video, by the same program, in the format that the name's ending asks for.
class VideoWriter {
 public:
  VideoWriter(const std::string& path, double frames_per_second);
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;
  /// Ends the file as finish() does, without saying what went wrong.
  ~VideoWriter();

  /// All frames must have the size of the first.
  void add(const PictureView& frame);
  /// Ends the file; fails where it could not be written.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln::vision
