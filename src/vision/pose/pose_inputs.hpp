#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/pose.hpp"

namespace kiln::vision {

/// What a pose network takes beside the picture.
class PoseInputs {
 public:
  /// Fails where an input is neither a box nor a camera by its name, nor given in the options.
  PoseInputs(const std::vector<PortInfo>& inputs, const PoseOptions& options);

  bool has_camera() const;
  bool empty() const { return inputs_.empty(); }
  /// For the part of a picture from left, top on.
  Session::Feeds feeds(const std::array<float, 4>& part, const Camera& camera) const;

 private:
  enum class Kind : uint8_t { box, camera, constant };
  struct Input {
    Kind kind;
    std::string name;
    DType dtype;
    Shape shape;
    std::vector<float> values;  ///< of a constant
  };

  std::vector<Input> inputs_;
  bool corners_ = false;
};

/// Whether a name has one of the words in it, in small or capital letters.
bool mentions(const std::string& name, std::initializer_list<std::string_view> words);

/// A camera that sees a picture, where nobody knows better.
Camera plain_camera(int64_t width, int64_t height);

}  // namespace kiln::vision
