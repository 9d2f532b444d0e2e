#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/preprocess.hpp"

namespace kiln::vision {

/// A network that looks at one picture at a time.
class PictureNetwork {
 public:
  /// What it may take beside the picture: its size, i64 [1, 2], or what run() is given.
  enum class More : uint8_t { size, anything };

  /// `what` it is ("classifier") is for errors, `side` is that of its input where the model leaves it open. Fails where
  /// the model's first input is no picture: f32 or f16 [1, 3, height, width].
  PictureNetwork(Session session, std::string what, int64_t side, More more = More::size);

  const ModelInfo& info() const { return session_.info(); }
  const Session& session() const { return session_; }
  const InputFormat& format() const { return format_; }
  InputFormat& format() { return format_; }
  void use(const Levels& levels);

  /// Whether the engine takes pictures as they are (`kiln build --preprocess`), which its fit() then says.
  bool takes_pictures() const { return takes_pictures_; }
  /// How pictures are put into the input, unless the engine does that.
  void use(Fit fit);

  /// An input to be filled: f32 [1, 3, height, width].
  Tensor empty_input() const;
  struct Prepared {
    Tensor input;
    Placement place;
  };
  /// A picture as run() takes it.
  Prepared prepare(const PictureView& picture) const;
  /// What a projection shows, in the input's size.
  Tensor prepare_seen(const PictureView& picture, const Projection& places) const;
  /// All outputs by name, f16 as f32. A second input, i64 [1, 2], if there is one, is given width and height, unless
  /// there are `more`.
  std::vector<std::pair<std::string, Tensor>> run(Tensor input, const Session::Feeds& more = {});
  /// Those that are f32, without their names.
  std::vector<Tensor> run_for_floats(Tensor input);

  /// Fails with "the classifier's output is f32[1,2,3], expected ...".
  [[noreturn]] void refuse(const std::vector<Tensor>& outputs, std::string_view expected) const;

 private:
  void find_size(int64_t side);

  Session session_;
  std::string what_;
  InputFormat format_;
  bool half_ = false, takes_pictures_ = false;
};

/// The middle of a picture, in the proportions of width to height: `crop` of what fits into it.
PictureView middle_of(const PictureView& picture, int64_t width, int64_t height, double crop);

/// The middle of a picture as a network's input.
Tensor prepare_middle(const PictureNetwork& network, const PictureView& picture, double crop);

/// Fails unless a part to be looked at is more than nothing and at most all.
void require_crop(double crop);

}  // namespace kiln::vision
