#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/detector.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/point.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/times.hpp"

namespace kiln::vision {

/// How the peak of a heat map is placed between its pixels.
enum class Refinement : uint8_t {
  none,     ///< at the pixel itself
  quarter,  ///< a quarter of a pixel towards the higher neighbour, on each axis
  taylor,   ///< at the top of the parabola through the logarithms of smoothed levels
};

/// What a camera sees: focal lengths and the middle of its picture, in pixels.
struct Camera {
  float focal_x = 0, focal_y = 0, centre_x = 0, centre_y = 0;
};

struct PoseOptions {
  std::optional<Levels> levels;  ///< none: those of ImageNet
  double padding = 1.25;         ///< how much larger than a person's box the part is that the network sees
  Refinement refinement = Refinement::quarter;
  std::vector<std::string> names;  ///< of the joints; empty where the metadata have them, or they are COCO's
  /// Also look at each person mirrored, and take the mean of both: joints of the left and the right are told by their
  /// names, or by the metadata ("flip_pairs").
  bool flip = false;
  std::optional<Camera> camera;  ///< none: as far away as the picture's longer side, with its middle in the picture's
  bool box_corners = false;      ///< a network that takes the box takes its right and bottom, not its width and height
  std::vector<std::pair<std::string, std::vector<float>>> inputs;  ///< what else the network takes, by name
};

/// A joint, in the picture's pixels.
struct Joint {
  float x = 0, y = 0;
  float z = 0;  ///< from -1 to 1 over the depth of SimCC, or as the network's depths say
  float score = 0;
};

struct Person {
  Detection box;  ///< where it was looked for
  std::vector<Joint> joints;
  std::vector<std::array<float, 3>> space;  ///< where a network of 3-D poses places them, in its own units
};

/// Finds the joints of a person in a box with a top-down network: with heat maps [1, joints, height, width], or SimCC,
/// scores along x, y and perhaps z ([1, joints, n] each), as RTMPose has them.
///
/// One of 3-D poses may have more inputs, told by their names: the part of the picture that it sees ("box"), f32 [1,4]
/// of left, top, width and height, and the camera ("intrinsics", "camera"), [1,4] of focal lengths and centre or a 3 x
/// 3 matrix. Beside heat maps it may give places in space ([1, 3, joints] or [1, joints, 3]), depths ("depth") and
/// scores
/// ("confidence") of the joints; without heat maps places in space are projected by the camera where it takes one, and
/// are pixels of its input else. May be used from several threads at once.
class Pose {
 public:
  explicit Pose(Session model, const PoseOptions& options = {});
  Pose(Pose&&) noexcept;
  Pose& operator=(Pose&&) noexcept;
  ~Pose();

  /// A person for each box. Times are sums.
  std::vector<Person> find(const PictureView& picture, std::span<const Detection> boxes, Times* times = nullptr);
  /// The same where the whole picture is one person.
  Person find(const PictureView& picture, Times* times = nullptr);

  /// What a joint is called; its number where nobody says.
  std::string name_of(size_t joint) const;
  /// Joints that are drawn with a line between them: of the metadata ("skeleton"), or COCO's where there are as many.
  std::vector<std::pair<size_t, size_t>> skeleton(size_t joints) const;
  /// Draws joints whose score is at least `least`, and lines between them.
  void draw(Picture& picture, const Person& person, float least = 0.3f) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln::vision
