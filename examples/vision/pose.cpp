// pose DETECTOR POSE_NETWORK PICTURE: finds people and their joints, and draws them into joints.png.
#include <cstdio>

#include "kiln/vision.hpp"

int main(int, char** arguments) {
  kiln::vision::Detector detector(kiln::Session::load(arguments[1]));
  kiln::vision::Pose pose(kiln::Session::load(arguments[2]));
  auto picture = kiln::vision::Picture::load(arguments[3]);
  auto people = detector.detect(picture);
  std::erase_if(people, [](const auto& found) { return found.class_index != 0; });
  for (const auto& person : pose.find(picture, people)) {
    const auto& joints = person.joints;
    for (size_t i = 0; i < joints.size(); ++i)
      std::printf("%s %.2f: %.1f,%.1f\n", pose.name_of(i).c_str(), joints[i].score, joints[i].x, joints[i].y);
    pose.draw(picture, person);
  }
  picture.save("joints.png");
}
