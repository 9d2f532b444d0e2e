#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kiln/kiln.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/times.hpp"

namespace kiln::vision {

struct ClassifierOptions {
  int64_t most = 5;                ///< classes in an answer
  std::optional<Levels> levels;    ///< none: those of ImageNet, or from 0 to 1 where the model's task is "classify"
  int64_t side = 224;              ///< of the input, where the model leaves it open
  double crop = 0.875;             ///< the part of the shorter side that is looked at, in the middle
  std::vector<std::string> names;  ///< of the classes; empty where the model's metadata have them ("names", "labels")
};

struct ClassScore {
  int64_t class_index = 0;
  float score = 0;  ///< a probability
};

/// Tells what a picture shows: a network with scores [1, classes], probabilities or not yet. May be used from several
/// threads at once.
class Classifier {
 public:
  explicit Classifier(Session model, const ClassifierOptions& options = {});
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  /// The likeliest first.
  std::vector<ClassScore> classify(const PictureView& picture, Times* times = nullptr);
  /// What a class is called; its number where nobody says.
  std::string name_of(int64_t class_index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln::vision
