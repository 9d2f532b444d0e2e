#include "kernels/elementwise/elementwise_chain.hpp"
#include "tactics/elementwise_program.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

std::string decline(const Problem& p) {
  if (p.epilogue().activation != Activation::none || p.group->residual >= 0) {
    return "an epilogue";
  }
  if (p.inputs.size() > 32) return "more than 32 operands";
  return elementwise_program(p).decline;
}

/// A shape as that of 4-D images: those of signals get a height.
Shape image_shape(Shape shape, size_t output_rank) {
  if (output_rank == 3 && !shape.empty()) shape.insert(shape.end() - 1, 1);
  return shape;
}

enum class Role : uint8_t { image, pixel, channels, other };

/// What an operand is beside blocked images.
Role role_of(const TensorSpec& operand, const Shape& output) {
  const Shape images = image_shape(output, output.size());
  Shape shape = image_shape(operand.shape, output.size());
  if (!is_f32(operand)) return Role::other;
  if (element_count(shape) == 1) return Role::channels;
  shape.insert(shape.begin(), images.size() - std::min(shape.size(), images.size()), 1);
  if (shape.size() != 4 || shape[1] != images[1] || (shape[0] != images[0] && shape[0] != 1)) return Role::other;
  const bool pixel = shape[2] == 1 && shape[3] == 1, image = shape[2] == images[2] && shape[3] == images[3];
  if (pixel && operand.constant != nullptr) return Role::channels;
  if (operand.shape.size() != output.size()) return pixel ? Role::channels : Role::other;
  return pixel && !image ? Role::pixel : image ? Role::image : Role::other;
}

/// Blocked with one place per image and channel either blocked or plain, and all plain.
std::vector<Formats> formats(const Problem& p) {
  const Formats plain = uniform_formats(p, Format::plain);
  const TensorSpec& output = p.outputs[0];
  const size_t rank = output.shape.size();
  if (!is_f32(output) || (rank != 3 && rank != 4) || element_count(output.shape) == 0) return {plain};
  Formats blocked = plain, plain_pixels = plain;
  blocked.outputs[0] = plain_pixels.outputs[0] = Format::blocked;
  bool images = false;
  for (const size_t i : elementwise_program(p).operands) {
    switch (role_of(p.inputs[i], output.shape)) {
      case Role::image:
        blocked.inputs[i] = plain_pixels.inputs[i] = Format::blocked;
        images = true;
        break;
      case Role::pixel: blocked.inputs[i] = Format::blocked; break;
      case Role::channels: break;
      case Role::other: return {plain};
    }
  }
  if (!images) return {plain};
  if (blocked == plain_pixels) return {blocked, plain};
  return {blocked, plain_pixels, plain};
}

/// Nanoseconds that an op takes per element on AVX-512, without what moving the data takes.
double op_nanoseconds(ChainOpcode op) {
  switch (op) {
    case ChainOpcode::pow: return 5;
    case ChainOpcode::sin:
    case ChainOpcode::cos:
    case ChainOpcode::log:
    case ChainOpcode::elu:
    case ChainOpcode::selu:
    case ChainOpcode::celu:
    case ChainOpcode::softplus: return 0.4;
    case ChainOpcode::exp:
    case ChainOpcode::tanh:
    case ChainOpcode::sigmoid:
    case ChainOpcode::erf:
    case ChainOpcode::silu:
    case ChainOpcode::mish:
    case ChainOpcode::gelu_erf:
    case ChainOpcode::gelu_tanh: return 0.2;
    default: return 0.05;
  }
}

double cost(const Problem& p, const Tuning&) {
  constexpr double start = 2e-7;
  const ElementwiseProgram program = elementwise_program(p);
  const double slower = p.isa == Isa::avx512 ? 1 : p.isa == Isa::avx2 ? 1.7 : 7;
  double nanoseconds = 0;
  for (const ChainOp& op : program.chain.ops) nanoseconds += op_nanoseconds(op.op);
  const auto elements = static_cast<double>(element_count(p.outputs[0].shape));
  return start + memory_seconds(bytes_moved(p)) + elements * nanoseconds * slower * 1e-9;
}

class ElementwiseWork final : public Work {
 public:
  ElementwiseWork(ElementwiseChain kernel, std::vector<size_t> operands)
      : kernel_(std::move(kernel)), operands_(std::move(operands)) {}
  std::string name() const override { return kernel_.name(); }
  int64_t scratch_floats(int64_t parts) const override { return kernel_.scratch_floats(parts); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const void* inputs[most_operands];
    for (size_t i = 0; i < operands_.size(); ++i) inputs[i] = p.inputs[operands_[i]];
    kernel_.run_part(phase, part, parts, {inputs, p.outputs[0]}, p.scratch);
  }

  static constexpr size_t most_operands = 32;

 private:
  ElementwiseChain kernel_;
  std::vector<size_t> operands_;
};

std::unique_ptr<Work> prepare(const Problem& p, const Layouts& layouts, const Tuning& tuning) {
  ElementwiseProgram program = elementwise_program(p);
  const bool blocked = layouts.outputs[0].format == Format::blocked;
  const auto tensor = [&](const TensorSpec& spec, const TensorLayout& layout) {
    if (layout.format == Format::blocked) return ChainTensor::in_blocks(layout.blocked);
    Shape shape = blocked ? image_shape(spec.shape, p.outputs[0].shape.size()) : spec.shape;
    return ChainTensor::plain(std::move(shape), spec.dtype == DType::boolean);
  };
  std::vector<ChainTensor> inputs;
  for (const size_t i : program.operands) inputs.push_back(tensor(p.inputs[i], layouts.inputs[i]));
  ElementwiseChain kernel(program.chain, inputs, tensor(p.outputs[0], layouts.outputs[0]), p.isa, tuning.numbers[0]);
  return std::make_unique<ElementwiseWork>(std::move(kernel), std::move(program.operands));
}

uint32_t in_place(const Problem& p) {
  uint32_t mask = 0;
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    const TensorSpec& input = p.inputs[i];
    const bool alike = input.dtype == p.outputs[0].dtype && input.shape == p.outputs[0].shape;
    if (alike && input.constant == nullptr) mask |= 1u << i;
  }
  return mask;
}

std::optional<RowRule> rows(const Problem& p, const Tuning&) {
  if (!is_f32(p.outputs[0]) || p.outputs[0].shape.size() != 4) return {};
  RowRule rule;
  for (const size_t i : elementwise_program(p).operands) {
    const Role role = role_of(p.inputs[i], p.outputs[0].shape);
    if (role == Role::other) return {};
    if (role == Role::image) rule.aligned |= 1u << i;
  }
  rule.whole = ~rule.aligned;  // constants that are part of the program are no operands
  return rule;
}

}  // namespace

namespace tactics {

/// Tuning: the floats of a register that are in L1 at a time; 0 for what fits.
constinit const Tactic elementwise{
    .name = "elementwise",
    .declines = decline,
    .formats = formats,
    .tunings = [](const Problem&) { return std::vector<Tuning>{Tuning{}}; },
    .cost = cost,
    .prepare = prepare,
    .in_place = in_place,
    .rows = rows,
};

}  // namespace tactics
}  // namespace kiln
