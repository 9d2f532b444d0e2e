#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "kiln/vision.hpp"

namespace kiln::python {
namespace {

namespace nb = nanobind;
using namespace nb::literals;
using vision::Picture;
using vision::PictureView;

/// A picture as numpy has it: [height, width, 3] of uint8, row by row.
using Pixels = nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;

PictureView view_of(const Pixels& pixels) {
  const auto height = static_cast<int64_t>(pixels.shape(0)), width = static_cast<int64_t>(pixels.shape(1));
  return {pixels.data(), width, height, 3 * width};
}

/// Elements as an array that owns them.
template <class T>
nb::ndarray<nb::numpy, T> array_of(std::vector<T> values, std::initializer_list<size_t> shape) {
  auto* const owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void* pointer) noexcept { delete static_cast<std::vector<T>*>(pointer); });
  return nb::ndarray<nb::numpy, T>(owned->data(), shape, owner);
}

nb::ndarray<nb::numpy, uint8_t> array_of(Picture picture) {
  auto* const owned = new Picture(std::move(picture));
  nb::capsule owner(owned, [](void* pointer) noexcept { delete static_cast<Picture*>(pointer); });
  const auto height = static_cast<size_t>(owned->height()), width = static_cast<size_t>(owned->width());
  return nb::ndarray<nb::numpy, uint8_t>(owned->row(0), {height, width, 3}, owner);
}

/// Of a Model or an Engine, or of a file at a path.
Session session_of(nb::handle source) {
  if (nb::isinstance<Engine>(source)) return Session(nb::cast<const Engine&>(source));
  if (nb::isinstance<Model>(source)) {
    Model model = nb::cast<const Model&>(source).copy();
    const nb::gil_scoped_release release;
    return Session(std::move(model));
  }
  const auto path = nb::cast<nb::bytes>(source);
  const std::string text(path.c_str(), path.size());
  const nb::gil_scoped_release release;
  return Session::load(text);
}

/// Calls what needs no Python without its lock.
template <class Call>
auto unlocked(const Call& call) {
  const nb::gil_scoped_release release;
  return call();
}

/// (bgr, mean, deviation)
using LevelsTuple = std::tuple<bool, std::vector<float>, std::vector<float>>;
std::optional<vision::Levels> levels_of(const std::optional<LevelsTuple>& given) {
  if (!given) return {};
  const auto& [bgr, mean, deviation] = *given;
  if (mean.size() != 3 || deviation.size() != 3) {
    throw Error(ErrorCode::invalid_argument, "a mean and a deviation are expected for each of three colours");
  }
  vision::Levels levels{.bgr = bgr};
  std::copy_n(mean.begin(), 3, levels.mean.begin());
  std::copy_n(deviation.begin(), 3, levels.deviation.begin());
  return levels;
}

vision::Fit fit_of(const std::string& name) {
  if (name == "stretch") return vision::Fit::stretch;
  if (name == "letterbox") return vision::Fit::letterbox;
  if (name == "corner") return vision::Fit::corner;
  throw Error(ErrorCode::invalid_argument, "fit is '" + name + "', expected 'stretch', 'letterbox' or 'corner'");
}

vision::LogitKind logits_of(const std::string& name) {
  if (name == "automatic") return vision::LogitKind::automatic;
  if (name == "softmax") return vision::LogitKind::softmax;
  if (name == "sigmoid") return vision::LogitKind::sigmoid;
  throw Error(ErrorCode::invalid_argument, "logits is '" + name + "', expected 'automatic', 'softmax' or 'sigmoid'");
}

vision::Refinement refinement_of(const std::string& name) {
  if (name == "none") return vision::Refinement::none;
  if (name == "quarter") return vision::Refinement::quarter;
  if (name == "taylor") return vision::Refinement::taylor;
  throw Error(ErrorCode::invalid_argument, "refinement is '" + name + "', expected 'none', 'quarter' or 'taylor'");
}

/// (left, top, right, bottom, score, class)
using BoxTuple = std::tuple<float, float, float, float, float, int64_t>;
BoxTuple tuple_of(const vision::Detection& box) {
  return {box.left, box.top, box.right, box.bottom, box.score, box.class_index};
}

void bind_pictures(nb::module_& module) {
  module.def(
      "load_picture",
      [](nb::bytes path) {
        const std::string text(path.c_str(), path.size());
        return array_of(unlocked([&] { return Picture::load(text); }));
      },
      "path"_a);
  module.def(
      "decode_picture",
      [](nb::bytes file) {
        const std::span<const uint8_t> bytes(static_cast<const uint8_t*>(file.data()), file.size());
        return array_of(unlocked([&] { return Picture::decode(bytes); }));
      },
      "file"_a);
  module.def(
      "save_picture",
      [](const Pixels& pixels, nb::bytes path) {
        const std::string text(path.c_str(), path.size());
        unlocked([&] {
          Picture(view_of(pixels)).save(text);
          return 0;
        });
      },
      "picture"_a, "path"_a);
}

void bind_detector(nb::module_& module) {
  nb::class_<vision::Detector>(module, "Detector")
      .def(
          "__init__",
          [](vision::Detector* self, nb::handle model, float score, float overlap, bool agnostic, int64_t most,
             std::vector<std::string> names, std::vector<float> anchors, const std::string& logits,
             const std::optional<std::string>& fit, const std::optional<LevelsTuple>& levels) {
            vision::DetectorOptions options{.score_threshold = score,
                                            .overlap_threshold = overlap,
                                            .agnostic = agnostic,
                                            .most = most,
                                            .names = std::move(names),
                                            .anchors = std::move(anchors),
                                            .logits = logits_of(logits),
                                            .levels = levels_of(levels)};
            if (fit) options.fit = fit_of(*fit);
            new (self) vision::Detector(session_of(model), options);
          },
          "model"_a, "score"_a, "overlap"_a, "agnostic"_a, "most"_a, "names"_a, "anchors"_a, "logits"_a, "fit"_a.none(),
          "levels"_a.none())
      .def(
          "detect",
          [](vision::Detector& self, const Pixels& picture) {
            std::vector<BoxTuple> boxes;
            for (const auto& box : unlocked([&] { return self.detect(view_of(picture)); })) {
              boxes.push_back(tuple_of(box));
            }
            return boxes;
          },
          "picture"_a)
      .def("name_of", &vision::Detector::name_of, "class_index"_a)
      .def("find_class", &vision::Detector::find_class, "name"_a);
}

void bind_ocr(nb::module_& module) {
  nb::class_<vision::Ocr>(module, "Ocr")
      .def(
          "__init__",
          [](vision::Ocr* self, nb::list models, float box_score, float text_score, int64_t batch,
             std::vector<std::string> characters) {
            std::vector<Session> sessions;
            for (nb::handle model : models) sessions.push_back(session_of(model));
            new (self) vision::Ocr(std::move(sessions), {.box_threshold = box_score,
                                                         .text_threshold = text_score,
                                                         .batch = batch,
                                                         .characters = std::move(characters)});
          },
          "models"_a, "box_score"_a, "text_score"_a, "batch"_a, "characters"_a)
      .def(
          "read",
          [](vision::Ocr& self, const Pixels& picture) {
            nb::list lines;
            for (const auto& line : unlocked([&] { return self.read(view_of(picture)); })) {
              nb::list box;
              for (const vision::Point& corner : line.box) box.append(nb::make_tuple(corner.x, corner.y));
              lines.append(nb::make_tuple(line.text, line.score, box));
            }
            return lines;
          },
          "picture"_a);
}

using InputList = std::vector<std::pair<std::string, std::vector<float>>>;

/// ([joints, 4], [joints, 3] or None)
nb::tuple tuple_of(const vision::Person& person) {
  std::vector<float> joints, space;
  for (const auto& joint : person.joints) joints.insert(joints.end(), {joint.x, joint.y, joint.z, joint.score});
  for (const auto& place : person.space) space.insert(space.end(), place.begin(), place.end());
  nb::object places = nb::none();
  if (!space.empty()) places = nb::cast(array_of(std::move(space), {person.space.size(), 3}));
  return nb::make_tuple(array_of(std::move(joints), {person.joints.size(), 4}), places);
}

void bind_pose(nb::module_& module) {
  nb::class_<vision::Pose>(module, "Pose")
      .def(
          "__init__",
          [](vision::Pose* self, nb::handle model, double padding, const std::string& refinement,
             std::vector<std::string> names, const std::optional<LevelsTuple>& levels, bool flip,
             const std::optional<std::tuple<float, float, float, float>>& camera, bool box_corners, InputList inputs) {
            vision::PoseOptions options{.levels = levels_of(levels),
                                        .padding = padding,
                                        .refinement = refinement_of(refinement),
                                        .names = std::move(names),
                                        .flip = flip,
                                        .box_corners = box_corners,
                                        .inputs = std::move(inputs)};
            if (camera) {
              const auto [focal_x, focal_y, centre_x, centre_y] = *camera;
              options.camera = vision::Camera{focal_x, focal_y, centre_x, centre_y};
            }
            new (self) vision::Pose(session_of(model), options);
          },
          "model"_a, "padding"_a, "refinement"_a, "names"_a, "levels"_a.none(), "flip"_a, "camera"_a.none(),
          "box_corners"_a, "inputs"_a)
      .def(
          "find",
          [](vision::Pose& self, const Pixels& picture,
             const std::vector<std::tuple<float, float, float, float>>& boxes) {
            std::vector<vision::Detection> places;
            for (const auto& [left, top, right, bottom] : boxes) places.push_back({left, top, right, bottom, 1, 0});
            nb::list people;
            for (const auto& person : unlocked([&] { return self.find(view_of(picture), places); })) {
              people.append(tuple_of(person));
            }
            return people;
          },
          "picture"_a, "boxes"_a)
      .def("name_of", &vision::Pose::name_of, "joint"_a)
      .def("skeleton", &vision::Pose::skeleton, "joints"_a);
}

/// Frames as Python's iteration takes them.
void bind_video(nb::module_& module) {
  nb::class_<vision::Video>(module, "Video")
      .def(
          "__init__",
          [](vision::Video* self, nb::bytes path) {
            const std::string text(path.c_str(), path.size());
            new (self) vision::Video(unlocked([&] { return vision::Video(text); }));
          },
          "path"_a)
      .def("next",
           [](vision::Video& self) -> nb::object {
             const auto frame = unlocked([&] { return self.next(); });
             return frame ? nb::cast(array_of(*frame)) : nb::none();
           })
      .def_prop_ro("frames_per_second", &vision::Video::frames_per_second)
      .def_prop_ro("expected_frames", &vision::Video::expected_frames);
  nb::class_<vision::VideoWriter>(module, "VideoWriter")
      .def(
          "__init__",
          [](vision::VideoWriter* self, nb::bytes path, double frames_per_second) {
            new (self) vision::VideoWriter(std::string(path.c_str(), path.size()), frames_per_second);
          },
          "path"_a, "frames_per_second"_a)
      .def(
          "add",
          [](vision::VideoWriter& self, const Pixels& frame) {
            unlocked([&] {
              self.add(view_of(frame));
              return 0;
            });
          },
          "frame"_a)
      .def("finish", [](vision::VideoWriter& self) {
        unlocked([&] {
          self.finish();
          return 0;
        });
      });
}

void bind_answers(nb::module_& module) {
  nb::class_<vision::Classifier>(module, "Classifier")
      .def(
          "__init__",
          [](vision::Classifier* self, nb::handle model, int64_t most, double crop, std::vector<std::string> names,
             const std::optional<LevelsTuple>& levels) {
            new (self) vision::Classifier(
                session_of(model),
                {.most = most, .levels = levels_of(levels), .crop = crop, .names = std::move(names)});
          },
          "model"_a, "most"_a, "crop"_a, "names"_a, "levels"_a.none())
      .def(
          "classify",
          [](vision::Classifier& self, const Pixels& picture) {
            std::vector<std::pair<int64_t, float>> scores;
            for (const auto& entry : unlocked([&] { return self.classify(view_of(picture)); })) {
              scores.emplace_back(entry.class_index, entry.score);
            }
            return scores;
          },
          "picture"_a)
      .def("name_of", &vision::Classifier::name_of, "class_index"_a);

  nb::class_<vision::Segmenter>(module, "Segmenter")
      .def(
          "__init__",
          [](vision::Segmenter* self, nb::handle model, float threshold, const std::string& fit,
             std::vector<std::string> names, const std::optional<LevelsTuple>& levels) {
            new (self) vision::Segmenter(
                session_of(model),
                {.levels = levels_of(levels), .fit = fit_of(fit), .threshold = threshold, .names = std::move(names)});
          },
          "model"_a, "threshold"_a, "fit"_a, "names"_a, "levels"_a.none())
      .def(
          "segment",
          [](vision::Segmenter& self, const Pixels& picture) {
            auto found = unlocked([&] { return self.segment(view_of(picture)); });
            return array_of(std::move(found.classes),
                            {static_cast<size_t>(found.height), static_cast<size_t>(found.width)});
          },
          "picture"_a)
      .def("name_of", &vision::Segmenter::name_of, "class_index"_a);

  nb::class_<vision::Embedder>(module, "Embedder")
      .def(
          "__init__",
          [](vision::Embedder* self, nb::handle model, double crop, const std::optional<LevelsTuple>& levels) {
            new (self) vision::Embedder(session_of(model), {.levels = levels_of(levels), .crop = crop});
          },
          "model"_a, "crop"_a, "levels"_a.none())
      .def(
          "embed",
          [](vision::Embedder& self, const Pixels& picture) {
            auto vector = unlocked([&] { return self.embed(view_of(picture)); });
            const size_t size = vector.size();
            return array_of(std::move(vector), {size});
          },
          "picture"_a);
}

}  // namespace
}  // namespace kiln::python

NB_MODULE(_vision, module) {
  module.doc() = "The compiled part of kiln.vision; use that.";
  kiln::python::bind_pictures(module);
  kiln::python::bind_detector(module);
  kiln::python::bind_ocr(module);
  kiln::python::bind_pose(module);
  kiln::python::bind_video(module);
  kiln::python::bind_answers(module);
}
