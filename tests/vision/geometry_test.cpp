#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string_view>

#include "vision/geometry/contours.hpp"
#include "vision/geometry/polygon.hpp"

namespace kiln::vision {
namespace {

Mask mask_of(const std::vector<std::string_view>& rows) {
  Mask mask(static_cast<int64_t>(rows[0].size()), static_cast<int64_t>(rows.size()));
  for (size_t y = 0; y < rows.size(); ++y) {
    for (size_t x = 0; x < rows[y].size(); ++x) mask.row(static_cast<int64_t>(y))[x] = rows[y][x] == '#';
  }
  return mask;
}

TEST(Contours, AreOuterBordersAndHoles) {
  const auto contours = find_contours(mask_of({"#####...",  //
                                               "#...#..#",  //
                                               "#...#...",  //
                                               "#####..#",  //
                                               "......#."}));
  ASSERT_EQ(contours.size(), 4u);
  // The last found comes first: the two pixels that touch at a corner, the hole, the lone pixel, the frame.
  EXPECT_EQ(contours[0].size(), 2u);
  EXPECT_EQ(contours[1], (std::vector<Point>{{7, 1}}));
  EXPECT_EQ(std::max(contours[2].size(), contours[3].size()), 14u);
  for (const Point& p : contours[2]) EXPECT_TRUE(p.x == 0 || p.x == 4 || p.y == 0 || p.y == 3);
}

TEST(Contours, OfRandomMasksCoverTheirBorders) {
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    Mask mask(static_cast<int64_t>(random() % 12 + 1), static_cast<int64_t>(random() % 12 + 1));
    for (uint8_t& bit : mask.bits) bit = random() % 3 != 0;
    std::set<std::pair<int64_t, int64_t>> on_contours;
    for (const auto& contour : find_contours(mask)) {
      for (const Point& p : contour) on_contours.emplace(p.x, p.y);
    }
    const auto one = [&](int64_t x, int64_t y) {
      return x >= 0 && y >= 0 && x < mask.width && y < mask.height && mask.row(y)[x];
    };
    for (int64_t y = 0; y < mask.height; ++y) {
      for (int64_t x = 0; x < mask.width; ++x) {
        const bool border = one(x, y) && !(one(x - 1, y) && one(x + 1, y) && one(x, y - 1) && one(x, y + 1));
        EXPECT_EQ(on_contours.count({x, y}) > 0, border) << x << " " << y;
      }
    }
  }
}

TEST(Contours, DilationSpreadsRightAndDown) {
  EXPECT_EQ(dilate_by_one(mask_of({"#...", "....", "...#"})).bits, mask_of({"##..", "##..", "...#"}).bits);
}

TEST(Polygon, HullLeavesOutWhatLiesInside) {
  const auto hull = convex_hull({{0, 0}, {4, 0}, {2, 0}, {2, 1}, {4, 3}, {0, 3}, {0, 3}});
  EXPECT_EQ(hull.size(), 4u);
  EXPECT_EQ(convex_hull({{1, 1}, {1, 1}}).size(), 1u);
  EXPECT_EQ(convex_hull({{0, 0}, {1, 1}, {2, 2}}).size(), 2u);
}

TEST(Polygon, MinAreaRectangleOfATurnedOne) {
  const double angle = 0.3;
  std::vector<Point> points;
  for (int i = 0; i <= 50; ++i) {
    for (int j = 0; j <= 20; ++j) {
      points.push_back({static_cast<float>(100 + i * std::cos(angle) - j * std::sin(angle)),
                        static_cast<float>(80 + i * std::sin(angle) + j * std::cos(angle))});
    }
  }
  const TurnedRectangle found = min_area_rectangle(points);
  EXPECT_NEAR(found.shorter_side, 20, 1e-3);
  EXPECT_NEAR(found.corners[0].x, 100, 1e-3);
  EXPECT_NEAR(found.corners[0].y, 80, 1e-3);
  EXPECT_NEAR(found.corners[1].x, 100 + 50 * std::cos(angle), 1e-3);
  EXPECT_NEAR(area(found.corners), 1000, 0.1);
  EXPECT_NEAR(perimeter(found.corners), 140, 0.01);
  EXPECT_EQ(min_area_rectangle({{3, 4}}).corners[2], (Point{3, 4}));
  EXPECT_EQ(min_area_rectangle({{3, 4}, {9, 4}}).shorter_side, 0);
}

TEST(Polygon, GrowsByADistanceWithRoundCorners) {
  const std::vector<Point> grown = grow({{{10, 10}, {60, 10}, {60, 30}, {10, 30}}}, 8);
  const TurnedRectangle around = min_area_rectangle(grown);
  EXPECT_EQ(around.corners, (Quad{{{2, 2}, {68, 2}, {68, 38}, {2, 38}}}));
  for (const Point& p : grown) {
    const double dx = std::max({10.0 - p.x, p.x - 60.0, 0.0}), dy = std::max({10.0 - p.y, p.y - 30.0, 0.0});
    EXPECT_NEAR(std::hypot(dx, dy), 8, 0.8);
  }
}

TEST(Polygon, MeanCountsTheSidesToo) {
  std::vector<float> map(20 * 10);
  for (int y = 2; y <= 5; ++y) std::fill_n(&map[static_cast<size_t>(y * 20 + 3)], 8, 1.0f);
  EXPECT_DOUBLE_EQ(mean_inside(map.data(), 20, 10, {{{3, 2}, {10, 2}, {10, 5}, {3, 5}}}), 1);
  EXPECT_DOUBLE_EQ(mean_inside(map.data(), 20, 10, {{{3, 2}, {10, 2}, {10, 9}, {3, 9}}}), 0.5);
  EXPECT_DOUBLE_EQ(mean_inside(map.data(), 20, 10, {{{-50, -50}, {-40, -50}, {-40, -40}, {-50, -40}}}), 0);
}

/// What cv2.boxPoints(cv2.minAreaRect(...)) of OpenCV 5 gives, to the last bit.
TEST(Rectangle, IsRoundedAsOpenCvRoundsIt) {
  const std::vector<std::pair<std::vector<Point>, Quad>> cases{
      {{{36, 84}, {146, 84}, {148, 87}, {148, 104}, {144, 105}, {35, 105}, {35, 85}},
       {{{34.999992f, 83.99999f}, {147.99997f, 83.99999f}, {147.99997f, 104.99999f}, {34.999992f, 104.99999f}}}},
      {{{156, 664}, {384, 664}, {386, 667}, {386, 701}, {382, 702}, {155, 702}, {155, 665}},
       {{{154.99998f, 663.99994f}, {385.99994f, 663.99994f}, {385.99994f, 701.99994f}, {154.99998f, 701.99994f}}}},
      {{{850, 268}, {905, 268}, {907, 271}, {907, 285}, {903, 286}, {849, 286}, {849, 269}},
       {{{849.0f, 267.99997f}, {907.0f, 267.99997f}, {907.0f, 285.99997f}, {849.0f, 285.99997f}}}},
      {{{294, 790}, {418, 790}, {420, 793}, {420, 800}, {416, 801}, {293, 801}, {293, 791}},
       {{{292.99997f, 790.0f}, {419.99997f, 790.0f}, {419.99997f, 801.0f}, {292.99997f, 801.0f}}}},
      {{{164, 677}, {273, 677}, {275, 680}, {275, 702}, {271, 703}, {163, 703}, {163, 678}},
       {{{162.99997f, 676.99994f}, {274.99997f, 676.99994f}, {274.99997f, 702.99994f}, {162.99997f, 702.99994f}}}}};
  for (const auto& [points, wanted] : cases) EXPECT_EQ(min_area_rectangle(points).corners, wanted);
}

}  // namespace
}  // namespace kiln::vision
