#include "vision/network/picture_network.hpp"

#include <gtest/gtest.h>

#include "kiln/error.hpp"
#include "vision/network/names.hpp"

namespace kiln::vision {
namespace {

using Names = std::vector<std::string>;

TEST(Names, AreReadAsPythonWritesThem) {
  EXPECT_EQ(parse_names(R"({0: 'person', 1: "it's", 3: 'a\'b'})"), (Names{"person", "it's", "", "a'b"}));
  EXPECT_EQ(parse_names(R"({"0": "cat", "1": "dog"})"), (Names{"cat", "dog"}));
  EXPECT_EQ(parse_names(R"(['a', "b,c"])"), (Names{"a", "b,c"}));
  EXPECT_EQ(parse_names("cat\ndog\r\n"), (Names{"cat", "dog"}));
  EXPECT_EQ(parse_names("cat, big dog,"), (Names{"cat", "big dog"}));
  EXPECT_TRUE(parse_names("").empty());
  EXPECT_TRUE(parse_names("{99999999999: 'far'}").empty());
  EXPECT_EQ(parse_names("{0: 'cut").size(), 1u);
  EXPECT_EQ(name_at({"a", ""}, 0), "a");
  EXPECT_EQ(name_at({"a", ""}, 1), "1");
  EXPECT_EQ(name_at({}, -1), "-1");
}

TEST(Numbers, AreFoundInText) {
  EXPECT_EQ(whole_numbers_in("[640, 480]"), (std::vector<int64_t>{640, 480}));
  EXPECT_EQ(numbers_in("[[1.5,-2], [x, 3e1]]"), (std::vector<float>{1.5f, -2, 30}));
  EXPECT_TRUE(numbers_in("- . none").empty());
}

Session network(DType dtype, const std::vector<GraphBuilder::AxisDim>& shape) {
  GraphBuilder b;
  b.output(b.op("Relu", {b.input("x", dtype, shape)}), "y");
  return Session(b.model());
}

TEST(PictureNetwork, KnowsItsInput) {
  const PictureNetwork fixed(network(DType::f32, {1, 3, 20, 30}), "network", 8);
  EXPECT_EQ(fixed.format().height, 20);
  EXPECT_EQ(fixed.format().width, 30);
  PictureNetwork half(network(DType::f16, {"n", 3, "h", "w"}), "network", 8);
  EXPECT_EQ(half.format().width, 8);
  Tensor input = half.empty_input();
  std::fill_n(input.mutable_data<float>(), input.size(), 0.5f);
  const std::vector<Tensor> outputs = half.run_for_floats(std::move(input));
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].data<float>()[100], 0.5f);
}

TEST(PictureNetwork, RefusesOtherInputs) {
  EXPECT_THROW(PictureNetwork(network(DType::f32, {1, 4, 20, 30}), "network", 8), Error);
  EXPECT_THROW(PictureNetwork(network(DType::f32, {2, 3, 20, 30}), "network", 8), Error);
  EXPECT_THROW(PictureNetwork(network(DType::i64, {1, 3, 20, 30}), "network", 8), Error);
  EXPECT_THROW(PictureNetwork(network(DType::f32, {1, 3, 20}), "network", 8), Error);
  EXPECT_THROW(PictureNetwork(network(DType::f32, {1, 3, 1 << 20, 30}), "network", 8), Error);
}

TEST(MiddleOf, KeepsTheProportionsOfTheNetwork) {
  const Picture picture(400, 200);
  const PictureView square = middle_of(picture, 224, 224, 0.5);
  EXPECT_EQ(square.width, 100);
  EXPECT_EQ(square.height, 100);
  EXPECT_EQ(square.pixels, picture.row(50) + 3 * 150);
  EXPECT_EQ(middle_of(picture, 100, 1, 1).height, 4);
  EXPECT_EQ(middle_of(Picture(1, 1), 224, 224, 0.1).width, 1);
}

}  // namespace
}  // namespace kiln::vision
