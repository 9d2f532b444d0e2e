#include "builder/add_preprocessing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/error.hpp"

namespace kiln {
namespace {

enum class Fit : uint8_t { letterbox, stretch, corner };

/// What "letterbox,rgb,/255" says.
struct Recipe {
  Fit fit = Fit::letterbox;
  bool bgr = false;
  double divisor = 1, fill = 114;
  std::array<double, 3> mean{0, 0, 0}, deviation{1, 1, 1};
  int64_t width = 0, height = 0;
};

double number_in(std::string_view part, std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    fail(ErrorCode::invalid_argument, "'{}' in the pre-processing: '{}' is no number", part, text);
  }
  return number;
}

std::array<double, 3> colours_in(std::string_view part, std::string_view text) {
  std::array<double, 3> colours{};
  for (size_t c = 0; c < 3; ++c) {
    const size_t colon = text.find(':');
    if ((colon == std::string_view::npos) != (c == 2)) {
      fail(ErrorCode::invalid_argument, "'{}' in the pre-processing: three numbers with colons between are expected",
           part);
    }
    colours[c] = number_in(part, text.substr(0, colon));
    text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  }
  return colours;
}

void read_part(std::string_view part, Recipe& recipe) {
  const auto after = [&](std::string_view key) { return part.substr(key.size()); };
  if (part == "letterbox") {
    recipe.fit = Fit::letterbox;
  } else if (part == "stretch") {
    recipe.fit = Fit::stretch;
  } else if (part == "corner") {
    recipe.fit = Fit::corner;
  } else if (part == "rgb" || part == "bgr") {
    recipe.bgr = part == "bgr";
  } else if (part == "imagenet") {
    recipe.mean = {0.485, 0.456, 0.406};
    recipe.deviation = {0.229, 0.224, 0.225};
    recipe.divisor = 255;
  } else if (part.starts_with('/')) {
    recipe.divisor = number_in(part, after("/"));
  } else if (part.starts_with("mean=")) {
    recipe.mean = colours_in(part, after("mean="));
  } else if (part.starts_with("deviation=")) {
    recipe.deviation = colours_in(part, after("deviation="));
  } else if (part.starts_with("fill=")) {
    recipe.fill = number_in(part, after("fill="));
  } else if (const size_t cross = part.find('x'); cross != std::string_view::npos) {
    recipe.width = static_cast<int64_t>(std::clamp(number_in(part, part.substr(0, cross)), 0.0, 1e6));
    recipe.height = static_cast<int64_t>(std::clamp(number_in(part, part.substr(cross + 1)), 0.0, 1e6));
  } else {
    fail(ErrorCode::invalid_argument,
         "'{}' is no part of a pre-processing: there are letterbox, stretch, corner, rgb, bgr, /N, imagenet, "
         "mean=R:G:B, deviation=R:G:B, fill=N and WIDTHxHEIGHT",
         part);
  }
}

Recipe read_recipe(std::string_view text) {
  Recipe recipe;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    read_part(text.substr(0, comma), recipe);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  for (const double by : {recipe.divisor, recipe.deviation[0], recipe.deviation[1], recipe.deviation[2]}) {
    if (by == 0) fail(ErrorCode::invalid_argument, "a pre-processing cannot divide by 0");
  }
  return recipe;
}

/// All that it says, so that whoever reads it needs no defaults.
std::string text_of(const Recipe& recipe) {
  constexpr std::array names{"letterbox", "stretch", "corner"};
  return fmt::format("{},{},/{},mean={},deviation={},fill={},{}x{}", names[static_cast<size_t>(recipe.fit)],
                     recipe.bgr ? "bgr" : "rgb", recipe.divisor, fmt::join(recipe.mean, ":"),
                     fmt::join(recipe.deviation, ":"), recipe.fill, recipe.width, recipe.height);
}

/// Adds nodes in front of a graph.
class Front {
 public:
  explicit Front(Graph& graph) : graph_(graph) {}

  ValueId value(const std::string& name, Type type = {}) {
    std::string unique = name;
    for (int i = 2; graph_.find_value(unique) != no_value; ++i) unique = fmt::format("{}_{}", name, i);
    return graph_.add_value(std::move(unique), std::move(type));
  }
  ValueId constant(Tensor tensor) {
    const ValueId id = value("preprocess_constant", Type::tensor(tensor.dtype(), shape_of(tensor)));
    graph_.initializers.push_back({.value = id, .tensor = std::move(tensor)});
    return id;
  }
  ValueId integers(const std::vector<int64_t>& numbers) { return constant(Tensor::vector<int64_t>(numbers)); }

  ValueId add(const std::string& op, std::vector<ValueId> inputs, std::vector<Attribute> attributes = {}) {
    const ValueId result = value("preprocess_" + op);
    add_into(result, op, std::move(inputs), std::move(attributes));
    return result;
  }
  void add_into(ValueId result, const std::string& op, std::vector<ValueId> inputs,
                std::vector<Attribute> attributes = {}) {
    nodes_.push_back({.name = graph_.name_of(result),
                      .op_type = op,
                      .inputs = std::move(inputs),
                      .outputs = {result},
                      .attributes = std::move(attributes)});
  }
  void finish() { graph_.nodes.insert(graph_.nodes.begin(), nodes_.begin(), nodes_.end()); }

 private:
  static SymShape shape_of(const Tensor& tensor) {
    SymShape shape;
    for (const int64_t dim : tensor.shape()) shape.push_back(dim);
    return shape;
  }

  Graph& graph_;
  std::vector<Node> nodes_;
};

Attribute integer(const std::string& name, int64_t value) {
  return {.name = name, .type = AttributeType::int_, .data = value};
}
Attribute integers(const std::string& name, std::vector<int64_t> values) {
  return {.name = name, .type = AttributeType::ints, .data = std::move(values)};
}
Attribute text(const std::string& name, const std::string& value) {
  return {.name = name, .type = AttributeType::string, .data = value};
}
Attribute cast_to(DType dtype) { return integer("to", static_cast<int64_t>(dtype)); }

/// Height and width in the network's input, as whole numbers [2]: as large as it goes.
ValueId fitted_size(Front& front, ValueId picture, const Recipe& recipe) {
  const ValueId all = front.add("Shape", {picture});
  const ValueId size = front.add("Slice", {all, front.integers({0}), front.integers({2})});
  const ValueId exact = front.add("Cast", {size}, {cast_to(DType::f64)});
  const std::vector<double> room{static_cast<double>(recipe.height), static_cast<double>(recipe.width)};
  const ValueId scales = front.add("Div", {front.constant(Tensor::vector<double>(room)), exact});
  const ValueId scale = front.add("ReduceMin", {scales}, {integer("keepdims", 1)});
  const ValueId rounded = front.add("Round", {front.add("Mul", {exact, scale})});
  const ValueId whole = front.add("Cast", {rounded}, {cast_to(DType::i64)});
  const ValueId least = front.add("Max", {whole, front.integers({1})});
  return front.add("Min", {least, front.integers({recipe.height, recipe.width})});
}

ValueId resize_to(Front& front, ValueId planes, ValueId size) {
  const ValueId sizes = front.add("Concat", {front.integers({1, 3}), size}, {integer("axis", 0)});
  return front.add("Resize", {planes, no_value, no_value, sizes},
                   {text("mode", "linear"), text("coordinate_transformation_mode", "half_pixel")});
}

ValueId fitted(Front& front, ValueId picture, ValueId planes, const Recipe& recipe) {
  const ValueId room = front.integers({recipe.height, recipe.width});
  if (recipe.fit == Fit::stretch) return resize_to(front, planes, room);
  const ValueId size = fitted_size(front, picture, recipe);
  const ValueId resized = resize_to(front, planes, size);
  const ValueId rest = front.add("Sub", {room, size});
  const ValueId none = front.integers({0, 0});
  const ValueId before = recipe.fit == Fit::corner ? none : front.add("Div", {rest, front.integers({2})});
  const ValueId behind = front.add("Sub", {rest, before});
  const ValueId pads = front.add("Concat", {none, before, none, behind}, {integer("axis", 0)});
  return front.add("Pad", {resized, pads, front.constant(Tensor::scalar(static_cast<float>(recipe.fill)))});
}

/// The first input, as the only picture of a network.
ValueId picture_input(const ModelDef& model, Recipe& recipe) {
  const Graph& graph = model.graph;
  for (const ValueId id : graph.inputs) {
    if (id == no_value || graph.find_initializer(id) != nullptr) continue;
    const ValueInfo& value = graph.values[static_cast<size_t>(id)];
    const Type& type = value.type;
    const bool floats = type.is_tensor() && (type.dtype == DType::f32 || type.dtype == DType::f16);
    const auto may_be = [&](const Dim& dim, int64_t wanted) { return !dim.is_known() || dim.value() == wanted; };
    if (!floats || !type.shape || type.shape->size() != 4 || !may_be((*type.shape)[0], 1) ||
        !may_be((*type.shape)[1], 3)) {
      fail(ErrorCode::invalid_argument, "input '{}' is {}, which takes no pre-processing: f32[1,3,height,width] is",
           value.name, type.str());
    }
    const auto take = [&](size_t axis, int64_t& side) {
      const Dim& dim = (*type.shape)[axis];
      if (dim.is_known() && side != 0 && side != dim.value()) {
        fail(ErrorCode::invalid_argument, "the pre-processing gives {} pixels where input '{}' takes {}", side,
             value.name, dim.value());
      }
      if (dim.is_known()) side = dim.value();
      if (side < 1) {
        fail(ErrorCode::invalid_argument,
             "input '{}' is {}: the pre-processing must say of what size pictures are to be, as in 640x640", value.name,
             type.str());
      }
    };
    take(2, recipe.height);
    take(3, recipe.width);
    return id;
  }
  fail(ErrorCode::invalid_argument, "the model has no input to pre-process");
}

}  // namespace

void add_preprocessing(ModelDef& model, const std::string& how) {
  Recipe recipe = read_recipe(how);
  constexpr int64_t oldest = 13;
  if (const auto opset = model.opset_imports.find(""); opset == model.opset_imports.end() || opset->second < oldest) {
    fail(ErrorCode::unsupported, "a pre-processing is written in opset {} or newer, which the model does not import",
         oldest);
  }
  Graph& graph = model.graph;
  const ValueId input = picture_input(model, recipe);
  const DType dtype = graph.values[static_cast<size_t>(input)].type.dtype;
  Front front(graph);
  const ValueId picture =
      front.value("picture", Type::tensor(DType::u8, SymShape{Dim::symbol("height"), Dim::symbol("width"), 3}));
  graph.values[static_cast<size_t>(picture)].has_info = true;
  ValueId planes = front.add("Cast", {picture}, {cast_to(DType::f32)});
  planes = front.add("Transpose", {planes}, {integers("perm", {2, 0, 1})});
  planes = front.add("Unsqueeze", {planes, front.integers({0})});
  if (recipe.bgr) planes = front.add("Gather", {planes, front.integers({2, 1, 0})}, {integer("axis", 1)});
  planes = fitted(front, picture, planes, recipe);
  std::vector<float> factors, summands;
  for (size_t c = 0; c < 3; ++c) {
    factors.push_back(static_cast<float>(1 / (recipe.divisor * recipe.deviation[c])));
    summands.push_back(static_cast<float>(-recipe.mean[c] / recipe.deviation[c]));
  }
  planes = front.add("Mul", {planes, front.constant(Tensor::from<float>({1, 3, 1, 1}, factors))});
  planes = front.add("Add", {planes, front.constant(Tensor::from<float>({1, 3, 1, 1}, summands))});
  // Says the shape, which what is resized to computed sizes does not.
  planes = front.add("Reshape", {planes, front.integers({1, 3, recipe.height, recipe.width})});
  front.add_into(input, "Cast", {planes}, {cast_to(dtype)});
  front.finish();
  *std::find(graph.inputs.begin(), graph.inputs.end(), input) = picture;
  model.metadata.emplace_back("kiln.preprocess", text_of(recipe));
}

}  // namespace kiln
