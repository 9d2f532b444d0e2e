#include "cli/feeds.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "cli/image_input.hpp"
#include "cli/shape_options.hpp"
#include "cli/usage_error.hpp"
#include "formats/npy/npy.hpp"
#include "formats/onnx/tensor_proto.hpp"
#include "graph/type_name.hpp"
#include "ops/support/convert.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln::cli {
namespace {

enum class Filling { random, zeros, ones };

std::optional<Filling> filling_named(std::string_view name) {
  if (name == "random") return Filling::random;
  if (name == "zeros") return Filling::zeros;
  if (name == "ones") return Filling::ones;
  return std::nullopt;
}

std::string_view filling_name(Filling filling) {
  switch (filling) {
    case Filling::random: return "random";
    case Filling::zeros: return "zeros";
    case Filling::ones: return "ones";
  }
  return "?";
}

/// Floats from 0 to 1, integers and booleans 0 and 1 (what is an index has to be small), letters.
Tensor make_tensor(DType dtype, const Shape& shape, Filling filling, Philox& random) {
  check_tensor_limit(dtype, shape);
  Tensor tensor(dtype, shape);
  const auto draw = [&](double real, uint64_t bound) {
    if (filling != Filling::random) return filling == Filling::ones ? 1.0 : 0.0;
    return bound == 0 ? random.uniform() * real : static_cast<double>(random.below(bound));
  };
  if (dtype == DType::string) {
    for (std::string& text : tensor.mutable_elements<std::string>()) {
      if (filling == Filling::random) text.assign(1, static_cast<char>('a' + random.below(26)));
      if (filling == Filling::ones) text.assign(1, '1');
    }
    return tensor;
  }
  const uint64_t bound = dtype == DType::boolean || is_int(dtype) ? 2 : 0;
  if (is_complex(dtype)) {
    for (int64_t i = 0; i < tensor.size(); ++i) {
      const std::complex<double> value(draw(1, 0), filling == Filling::random ? random.uniform() : 0.0);
      if (dtype == DType::c128) tensor.mutable_data<std::complex<double>>()[i] = value;
      if (dtype == DType::c64) tensor.mutable_data<std::complex<float>>()[i] = std::complex<float>(value);
    }
    return tensor;
  }
  const ops::NarrowLoop narrow = ops::narrow_loop(DType::f64, dtype);
  auto* to = static_cast<std::byte*>(tensor.mutable_raw());
  std::vector<double> block(4096);
  for (int64_t begin = 0; begin < tensor.size(); begin += static_cast<int64_t>(block.size())) {
    const int64_t count = std::min(tensor.size() - begin, static_cast<int64_t>(block.size()));
    for (int64_t i = 0; i < count; ++i) block[static_cast<size_t>(i)] = draw(1, bound);
    narrow(block.data(), to + static_cast<size_t>(begin) * dtype_size(dtype), count, {});
  }
  return tensor;
}

/// A value of any type: a map of three keys, a sequence of one element, unknown ranks as scalars.
Value make_value(const Type& type, const Shape& shape, Filling filling, Philox& random) {
  switch (type.kind) {
    case Type::Kind::tensor: return make_tensor(type.dtype, shape, filling, random);
    case Type::Kind::optional: return type.inner ? make_value(*type.inner, shape, filling, random) : Value();
    case Type::Kind::sequence: {
      Sequence sequence;
      if (type.inner && type.inner->is_tensor()) sequence.dtype = type.inner->dtype;
      if (type.inner) sequence.items.push_back(make_value(*type.inner, {}, filling, random));
      return sequence;
    }
    case Type::Kind::map: {
      Map map{Tensor(type.dtype, {3}), make_tensor(type.inner->dtype, {3}, filling, random)};
      for (int64_t i = 0; i < 3; ++i) {
        if (type.dtype == DType::string) {
          map.keys.mutable_data<std::string>()[i] = std::string(1, static_cast<char>('a' + i));
        } else {
          const auto key = static_cast<double>(i);
          ops::narrow_loop(DType::f64, type.dtype)(
              &key, static_cast<std::byte*>(map.keys.mutable_raw()) + static_cast<size_t>(i) * dtype_size(type.dtype),
              1, {});
        }
      }
      return map;
    }
    default: fail_usage("an input of type {} must be given by a file", type.onnx_name());
  }
}

class FeedMaker {
 public:
  FeedMaker(const std::vector<PortInfo>& ports, const FeedOptions& options) : ports_(ports), options_(options) {}

  std::vector<FedInput> make() {
    for (const std::string& text : options_.inputs) take(text);
    std::map<std::string, Shape> given = shapes_;
    for (const auto& [name, fed] : fed_) {
      if (fed.value.is_tensor()) given[name] = fed.value.tensor().shape();
    }
    const ShapeBinding binding = bind_ports(ports_, options_.shapes, given);
    std::vector<FedInput> feeds;
    for (size_t i = 0; i < ports_.size(); ++i) {
      const PortInfo& port = ports_[i];
      if (const auto found = fed_.find(port.name); found != fed_.end()) {
        feeds.push_back(std::move(found->second));
      } else if (fillings_.contains(port.name) || !port.optional) {
        feeds.push_back(filled(port, i, binding));
      }
    }
    return feeds;
  }

 private:
  const PortInfo& port(const std::string& name) const {
    std::string names;
    for (const PortInfo& candidate : ports_) {
      if (candidate.name == name) return candidate;
      names += (names.empty() ? "'" : ", '") + candidate.name + "'";
    }
    fail_usage("--input {}: the model has no such input; its inputs are {}", name, names.empty() ? "none" : names);
  }

  void put(const std::string& name, Value value, const std::string& source) {
    port(name);
    if (fillings_.contains(name) || !fed_.emplace(name, FedInput{name, std::move(value), source}).second) {
      fail_usage("--input {}: given twice", name);
    }
  }

  void take(const std::string& text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      if (!text.ends_with(".npz")) fail_usage("--input {}: expected NAME=SOURCE, or a .npz file", text);
      require_file(text);
      for (NamedTensor& array : load_npz(text)) put(array.name, std::move(array.tensor), text);
      return;
    }
    std::string name = text.substr(0, equals), source = text.substr(equals + 1);
    // A name may hold equals signs: take the longest that the model has.
    for (const PortInfo& candidate : ports_) {
      if (candidate.name.size() > name.size() && text.starts_with(candidate.name + "=")) {
        name = candidate.name;
        source = text.substr(name.size() + 1);
      }
    }
    const size_t colon = source.find(':');
    if (const auto filling = filling_named(source.substr(0, colon))) {
      port(name);
      if (fed_.contains(name) || !fillings_.emplace(name, *filling).second) fail_usage("--input {}: given twice", name);
      if (colon != std::string::npos) {
        shapes_[name] = parse_shape(std::string_view(source).substr(colon + 1), "--input " + name);
      }
      return;
    }
    take_file(port(name), source);
  }

  void take_file(const PortInfo& port, const std::string& path) {
    if (path.ends_with(".npy")) {
      require_file(path);
      put(port.name, load_npy(path, port.dtype), path);
    } else if (path.ends_with(".npz")) {
      require_file(path);
      put(port.name, from_npz(port, path), path);
    } else if (path.ends_with(".pb")) {
      require_file(path);
      put(port.name, read_value_proto_file(path, type_from_onnx_name(port.type)).value, path);
    } else if (is_image_name(path)) {
      require_file(path);
      put(port.name, load_image(path, port), path);
    } else {
      fail_usage(
          "--input {}: '{}' is no source, expected random[:shape], zeros, ones, or a .npy, .npz, .pb or picture file",
          port.name, path);
    }
  }

  /// The array of the input's name, or the only one that there is.
  static Tensor from_npz(const PortInfo& port, const std::string& path) {
    std::vector<NamedTensor> arrays = load_npz(path, port.dtype);
    for (NamedTensor& array : arrays) {
      if (array.name == port.name) return std::move(array.tensor);
    }
    if (arrays.size() != 1) {
      fail(ErrorCode::invalid_data, "{}: has {} arrays, and none is named '{}'", path, arrays.size(), port.name);
    }
    return std::move(arrays.front().tensor);
  }

  FedInput filled(const PortInfo& port, size_t index, const ShapeBinding& binding) const {
    const auto chosen = fillings_.find(port.name);
    const Filling filling = chosen == fillings_.end() ? Filling::random : chosen->second;
    const auto shape = binding.shapes.find(port.name);
    Philox random(options_.seed, index);
    const Type type = type_from_onnx_name(port.type);
    Value value = make_value(type, shape == binding.shapes.end() ? Shape() : shape->second, filling, random);
    return {port.name, std::move(value), std::string(filling_name(filling))};
  }

  const std::vector<PortInfo>& ports_;
  const FeedOptions& options_;
  std::map<std::string, FedInput> fed_;
  std::map<std::string, Filling> fillings_;
  std::map<std::string, Shape> shapes_;
};

}  // namespace

std::vector<FedInput> make_feeds(const std::vector<PortInfo>& ports, const FeedOptions& options) {
  return FeedMaker(ports, options).make();
}

}  // namespace kiln::cli
