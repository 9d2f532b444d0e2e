#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.hpp"
#include "builder/build_engine.hpp"
#include "kernels/reference.hpp"
#include "passes/model_builder.hpp"
#include "runtime/bands.hpp"
#include "runtime/context.hpp"
#include "runtime/executor.hpp"

namespace kiln {
namespace {

using kernel_test::pick;
using kernel_test::random_tensor;

Attribute ints(std::string name, std::vector<int64_t> values) {
  return {.name = std::move(name), .type = AttributeType::ints, .data = std::move(values)};
}
Attribute integer(std::string name, int64_t value) {
  return {.name = std::move(name), .type = AttributeType::int_, .data = value};
}
Attribute text(std::string name, std::string value) {
  return {.name = std::move(name), .type = AttributeType::string, .data = std::move(value)};
}

/// A random network of operators that are local in space, with now and then one that is not.
class RandomNetwork {
 public:
  explicit RandomNetwork(Philox& rng) : rng_(rng) {
    const int64_t channels = pick(0, 2) == 0 ? 3 : pick(1, 40);
    images_.push_back({"x", channels, pick(6, 48), pick(6, 40)});
    builder.input("x", {1, channels, images_[0].height, images_[0].width});
    const int64_t count = pick(2, 14);
    for (int64_t i = 0; i < count; ++i) add();
    builder.output(images_.back().name);
    if (pick(0, 3) == 0 && images_.size() > 2) {
      const std::string& other = images_[images_.size() / 2].name;
      if (other != images_.back().name) builder.output(other);
    }
  }

  Tensor input() const { return random_tensor(rng_, {1, images_[0].channels, images_[0].height, images_[0].width}); }
  std::string describe() const {
    std::string all;
    for (const Node& node : builder.model.graph.nodes) {
      all += node.op_type + " ";
    }
    for (const Image& i : images_) all += fmt::format("{}={}x{}x{} ", i.name, i.channels, i.height, i.width);
    return all;
  }

  ModelBuilder builder;

 private:
  struct Image {
    std::string name;
    int64_t channels, height, width;
  };

  int64_t pick(int64_t low, int64_t high) const { return kernel_test::pick(rng_, low, high); }
  std::string fresh() { return fmt::format("v{}", ++names_); }
  std::string weights(Shape shape) {
    const std::string name = fresh();
    double fan = 1;
    for (size_t i = 1; i < shape.size(); ++i) fan *= static_cast<double>(shape[i]);
    builder.constant(name, random_tensor(rng_, std::move(shape), 1 / std::sqrt(fan)));
    return name;
  }
  /// Mostly the newest, so that chains become long.
  const Image& some() {
    const auto last = static_cast<int64_t>(images_.size()) - 1;
    return images_[static_cast<size_t>(pick(0, 3) == 0 ? pick(0, last) : last)];
  }
  void put(const std::string& name, int64_t channels, int64_t height, int64_t width) {
    images_.push_back({name, channels, height, width});
  }

  void add() {
    switch (pick(0, 13)) {
      case 0:
      case 1:
      case 2: return conv(false);
      case 3:
      case 4: return conv(true);
      case 5: return pool();
      case 6: return transposed();
      case 7: return resize();
      case 8: return elementwise();
      case 9: return add_or_concat(true);
      case 10: return add_or_concat(false);
      case 11:
      case 12: return block();
      default: return gate();
    }
  }

  std::string activated(const std::string& name) {
    constexpr const char* ops[] = {"Relu", "HardSwish", "Sigmoid", "LeakyRelu"};
    if (pick(0, 1) == 0) return name;
    const std::string to = fresh();
    builder.add(ops[pick(0, 3)], {name}, {to});
    return to;
  }

  void conv(bool depthwise) {
    const Image x = some();
    const int64_t kernel = pick(0, 2) == 0 ? 1 : pick(0, 3) == 0 ? 5 : 3, stride = pick(0, 3) == 0 ? 2 : 1;
    const int64_t dilation = pick(0, 7) == 0 ? 2 : 1, span = (kernel - 1) * dilation + 1;
    std::vector<int64_t> pads(4, span / 2);
    if (pick(0, 4) == 0) {
      for (int64_t& pad : pads) pad = pick(0, span - 1);
    }
    const int64_t height = (x.height + pads[0] + pads[2] - span) / stride + 1;
    const int64_t width = (x.width + pads[1] + pads[3] - span) / stride + 1;
    if (x.height + pads[0] + pads[2] < span || x.width + pads[1] + pads[3] < span) return;
    const int64_t outs = depthwise ? x.channels : pick(1, 40), to_each = depthwise ? 1 : x.channels;
    const std::string to = fresh();
    builder.add("Conv", {x.name, weights({outs, to_each, kernel, kernel}), weights({outs})}, {to},
                {ints("pads", pads), ints("strides", {stride, stride}), ints("dilations", {dilation, dilation}),
                 integer("group", depthwise ? x.channels : 1)});
    put(activated(to), outs, height, width);
  }

  /// As in mobile networks: around a depthwise convolution, which may be the first, the input is added to its result.
  void block() {
    const Image x = some();
    const int64_t wide = pick(0, 2) == 0 ? x.channels : pick(1, 60), kernel = pick(0, 3) == 0 ? 5 : 3;
    const auto conv = [&](const std::string& from, int64_t outs, int64_t each, int64_t side) {
      const std::string to = fresh();
      builder.add(
          "Conv", {from, weights({outs, each, side, side}), weights({outs})}, {to},
          {ints("pads", std::vector<int64_t>(4, side / 2)), integer("group", each == 1 && side > 1 ? outs : 1)});
      return to;
    };
    const std::string expanded = wide == x.channels ? x.name : activated(conv(x.name, wide, x.channels, 1));
    const std::string result = conv(activated(conv(expanded, wide, 1, kernel)), x.channels, wide, 1), to = fresh();
    builder.add("Add", {result, x.name}, {to});
    put(activated(to), x.channels, x.height, x.width);
  }

  void pool() {
    const Image x = some();
    const int64_t kernel = pick(2, 3), stride = pick(1, 2), pad = pick(0, 1);
    if (x.height + 2 * pad < kernel || x.width + 2 * pad < kernel) return;
    const std::string to = fresh();
    const bool is_max = pick(0, 1) == 0;
    std::vector<Attribute> attributes{ints("kernel_shape", {kernel, kernel}), ints("strides", {stride, stride}),
                                      ints("pads", {pad, pad, pad, pad})};
    if (!is_max) attributes.push_back(integer("count_include_pad", pick(0, 1)));
    builder.add(is_max ? "MaxPool" : "AveragePool", {x.name}, {to}, attributes);
    put(to, x.channels, (x.height + 2 * pad - kernel) / stride + 1, (x.width + 2 * pad - kernel) / stride + 1);
  }

  void transposed() {
    const Image x = some();
    if (x.height > 60) return;
    const int64_t kernel = pick(2, 4), pad = kernel > 2 ? pick(0, 1) : 0, outs = pick(0, 2) == 0 ? 1 : pick(1, 24);
    const int64_t height = (x.height - 1) * 2 + kernel - 2 * pad, width = (x.width - 1) * 2 + kernel - 2 * pad;
    if (height < 1 || width < 1) return;
    const std::string to = fresh();
    builder.add("ConvTranspose", {x.name, weights({x.channels, outs, kernel, kernel}), weights({outs})}, {to},
                {ints("pads", {pad, pad, pad, pad}), ints("strides", {2, 2})});
    put(activated(to), outs, height, width);
  }

  void resize() {
    const Image x = some();
    if (x.height > 60) return;
    const std::string to = fresh(), scales = fresh();
    const int64_t times = pick(2, 3);
    builder.constant(scales, Tensor::vector(std::vector<float>{1, 1, static_cast<float>(times), 2}));
    builder.add("Resize", {x.name, "", scales}, {to},
                {text("mode", pick(0, 2) == 0 ? "linear" : "nearest"),
                 text("coordinate_transformation_mode", "asymmetric"), text("nearest_mode", "floor")});
    builder.model.graph.nodes.back().inputs[1] = no_value;
    put(to, x.channels, x.height * times, x.width * 2);
  }

  void elementwise() {
    const Image x = some();
    const std::string to = fresh(), scaled = fresh();
    builder.add("Mul", {x.name, weights({1, x.channels, 1, 1})}, {scaled});
    builder.add(pick(0, 1) == 0 ? "Tanh" : "Softplus", {scaled}, {to});
    put(to, x.channels, x.height, x.width);
  }

  void add_or_concat(bool adds) {
    const Image x = some();
    std::vector<Image> others;
    for (const Image& i : images_) {
      const bool fits = i.height == x.height && i.width == x.width && (!adds || i.channels == x.channels);
      if (fits && i.name != x.name) others.push_back(i);
    }
    if (others.empty() || x.channels > 100) return;
    const Image& other = others[static_cast<size_t>(pick(0, static_cast<int64_t>(others.size()) - 1))];
    const std::string to = fresh();
    if (adds) {
      builder.add("Add", {x.name, other.name}, {to});
      put(activated(to), x.channels, x.height, x.width);
    } else {
      builder.add("Concat", {x.name, other.name}, {to}, {integer("axis", 1)});
      put(to, x.channels + other.channels, x.height, x.width);
    }
  }

  /// Scales each channel by its mean.
  void gate() {
    const Image x = some();
    const std::string mean = fresh(), to = fresh();
    builder.add("GlobalAveragePool", {x.name}, {mean});
    builder.add("Mul", {x.name, mean}, {to});
    put(to, x.channels, x.height, x.width);
  }

  Philox& rng_;
  std::vector<Image> images_;
  int names_ = 0;
};

struct Ran {
  std::vector<Value> values;
  size_t regions = 0, with_means = 0;
  size_t shared = 0;  ///< regions whose steps all threads share
  size_t alone = 0;   ///< regions that one thread does
  int64_t bytes = 0;
};

/// A run whose memory holds rubbish at first. It takes at most so much, or the least that it can.
Ran run_with(const EngineDef& engine, const Tensor& input, BandsChoice bands, int threads,
             int64_t most_bytes = INT64_MAX) {
  bands_knob.set(bands);
  const std::vector<Value> inputs{input};
  Plan plan = make_plan(engine, inputs, threads, most_bytes);
  const auto bytes = static_cast<size_t>(plan.schedule->arena_bytes) + 64;
  const std::unique_ptr<std::byte, void (*)(void*)> arena(
      static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)), std::free);
  std::memset(arena.get(), 0xff, bytes);
  BufferPool buffers;
  const StepOptions options;
  uint64_t seed = 1;
  Ran ran;
  ran.bytes = plan.bytes_needed();
  Executor executor(buffers, default_pool(), options, seed, threads);
  RunScratch scratch;
  scratch.inputs = inputs;
  ran.values = executor.run(engine, scratch, plan, arena.get());
  for (const Schedule::Step& step : plan.schedule->steps) {
    const bool is_region = step.work != nullptr && step.work->name().starts_with("bands_");
    ran.regions += is_region;
    ran.shared += is_region && step.parts > 1 && step.work->name().ends_with("_shared");
    ran.alone += is_region && step.parts == 1;
    ran.with_means += is_region && step.work->phases() == 2;
  }
  bands_knob.reset();
  return ran;
}

/// A chain of ops with kernels of 3 rows, of which only the last makes a tensor that is there as a whole.
Bands chain_of(const std::vector<int64_t>& multiples, int64_t height) {
  Bands bands({}, {});
  for (size_t i = 0; i < multiples.size(); ++i) {
    const int before = static_cast<int>(i) - 1;
    BandedOp op;
    op.rule.multiple = op.meeting = multiples[i], op.rule.before = op.rule.after = 1;
    op.height = op.in_height = height;
    op.tensor = static_cast<int>(i), op.around = before;
    if (before >= 0) op.around_makers = {before};
    bands.ops().push_back(op);
    bands.tensors().push_back({height, 1, i + 1 < multiples.size(), static_cast<int>(i)});
  }
  return bands;
}

TEST(Bands, NoBandMakesManyMoreRowsThanAnother) {
  Philox rng(2026, 7);
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> multiples;
    for (int64_t i = pick(rng, 2, 9); i > 0; --i) multiples.push_back(pick(rng, 1, 6));
    const int64_t parts = pick(rng, 1, 3), height = pick(rng, 60, 300), part = pick(rng, 0, parts - 1);
    const Bands bands = chain_of(multiples, height);
    const std::vector<RowSpan> rows = bands.rows_of(part, parts);
    const Pace pace = bands.whole_pace_of(rows, pick(rng, 2, 12));
    // Rows come in multiples: an op makes what its reader takes, and as many again to be at one of its own.
    std::vector<int64_t> most(multiples.size());
    for (size_t i = multiples.size(); i-- > 0;) {
      const int64_t wanted = i + 1 < multiples.size() ? most[i + 1] : pace.step;
      most[i] = divide_up(wanted, multiples[i]) * multiples[i] + (wanted % multiples[i] == 0 ? 0 : multiples[i]);
    }
    std::vector<int64_t> from(multiples.size()), to(multiples.size());
    for (size_t i = 0; i < from.size(); ++i) from[i] = rows[i].first;
    for (int64_t band = 0; band < pace.bands; ++band, from = to) {
      bands.rows_after(rows, pace, band, to);
      for (size_t i = 0; i < to.size(); ++i) {
        const bool is_last = band + 1 == pace.bands;
        EXPECT_LE(to[i] - from[i], most[i]) << "op " << i << " of " << to.size() << ", band " << band;
        EXPECT_TRUE(is_last ? to[i] == rows[i].end : to[i] >= from[i]);
        const bool reads = i > 0 && to[i] > rows[i].first;
        EXPECT_TRUE(!reads || to[i - 1] >= std::min(to[i] + 1, rows[i - 1].end));
      }
    }
  }
}

TEST(Bands, PartsMakeFewRowsTwice) {
  Bands bands = chain_of({6, 1, 5}, 300);
  // What rolls does not have to meet.
  bands.ops()[1].meeting = 6;
  const std::vector<RowSpan> above = bands.rows_of(0, 2), below = bands.rows_of(1, 2);
  const auto expect = [](RowSpan rows, int64_t first, int64_t end) {
    EXPECT_EQ(rows.first, first);
    EXPECT_EQ(rows.end, end);
  };
  expect(above[2], 0, 150);
  expect(above[1], 0, 151);
  expect(above[0], 0, 156);
  expect(below[2], 150, 300);
  expect(below[1], 149, 300);
  expect(below[0], 144, 300);
}

TEST(Bands, NetworksGiveTheSameAnswers) {
  Philox rng(2026, 5);
  BuildOptions options;
  options.tune = Tune::off, options.verify = false;
  const std::vector<Isa> isas = kernel_test::usable_isas();
  size_t regions = 0, with_means = 0, shared = 0, some_shared = 0, some_alone = 0;
  for (int round = 0; round < 2000; ++round) {
    const RandomNetwork network(rng);
    options.prefer = static_cast<Prefer>(rng.below(3));
    const auto engine = build_engine(network.builder.model, options, "", isas[rng.below(isas.size())]);
    const Tensor input = network.input();
    const int threads = static_cast<int>(pick(rng, 1, 4));
    const Ran whole = run_with(*engine, input, BandsChoice::off, threads);
    const Ran banded = run_with(*engine, input, BandsChoice::on, threads);
    const int64_t limit = std::min(whole.bytes, banded.bytes) - static_cast<int64_t>(rng.below(8192)) - 1;
    const Ran limited = run_with(*engine, input, BandsChoice::on, threads, limit);
    regions += banded.regions, with_means += banded.with_means;
    shared += banded.shared;
    some_shared += limited.shared > 0 && limited.shared < limited.regions;
    some_alone += threads > 1 && limited.alone > 0;
    ASSERT_EQ(whole.regions, 0u);
    for (const Ran* const other : {&banded, &limited}) {
      ASSERT_EQ(whole.values.size(), other->values.size());
      for (size_t i = 0; i < whole.values.size(); ++i) {
        const Tensor &a = whole.values[i].tensor(), &b = other->values[i].tensor();
        ASSERT_EQ(a.shape(), b.shape());
        ASSERT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0)
            << "network " << round << ", output " << i << ", " << threads << " threads"
            << (other == &limited ? ", with little memory: " : ": ") << network.describe();
      }
    }
  }
  EXPECT_GT(regions, 1500u);
  EXPECT_GT(with_means, 100u);
  EXPECT_GT(shared, 50u) << "regions of which two threads would make many rows both";
  EXPECT_GT(some_shared, 50u)
      << "a limit lets threads share the steps of those regions alone that there is no room for";
  EXPECT_GT(some_alone, 50u) << "and takes threads from them where that is still too much";
}

TEST(Schedule, StepsAtThePeakDoWithLessScratch) {
  Philox rng(2026, 6);
  BuildOptions options;
  options.tune = Tune::off, options.verify = false;
  int fewer = 0;
  for (const int64_t channels : {32, 64, 128, 256}) {
    ModelBuilder builder;
    builder.input("x", {1, channels, 40, 40});
    builder.constant("w", random_tensor(rng, {channels, channels, 3, 3}, 0.03));
    builder.add("Conv", {"x", "w"}, {"y"}, {ints("pads", {1, 1, 1, 1})});
    builder.output("y");
    const auto engine = build_engine(builder.model, options, "", {});
    const Tensor input = random_tensor(rng, {1, channels, 40, 40});
    // A small arena stays as it is; with the choice `on`, none is small.
    const Ran small = run_with(*engine, input, BandsChoice::automatic, 2);
    const Ran level = run_with(*engine, input, BandsChoice::on, 2);
    EXPECT_LE(level.bytes, small.bytes);
    fewer += level.bytes < small.bytes;
    const Tensor &a = small.values[0].tensor(), &b = level.values[0].tensor();
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0) << channels << " channels";
  }
  EXPECT_GT(fewer, 0);
}

}  // namespace
}  // namespace kiln
