#pragma once

/// Pictures in, answers out: what libkiln_vision has, in one header.
///
///     kiln::vision::Detector detector(kiln::Session::load("yolo11n.kiln"));
///     for (const auto& object : detector.detect(kiln::vision::Picture::load("street.jpg"))) ...

#include "kiln/vision/classifier.hpp"
#include "kiln/vision/detector.hpp"
#include "kiln/vision/draw.hpp"
#include "kiln/vision/embedder.hpp"
#include "kiln/vision/ocr.hpp"
#include "kiln/vision/picture.hpp"
#include "kiln/vision/pose.hpp"
#include "kiln/vision/preprocess.hpp"
#include "kiln/vision/segmenter.hpp"
#include "kiln/vision/video.hpp"
