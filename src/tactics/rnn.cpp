#include <algorithm>
#include <cctype>
#include <string>

#include "kernels/rnn/packed_recurrence.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

enum Input : size_t { sequence, input_weights, state_weights, biases, sequence_lens, initial_h, initial_c, peepholes };
enum Output : size_t { result, last_h, last_c };

constexpr uint32_t weights_and_biases = 1u << input_weights | 1u << state_weights | 1u << biases;

/// Whether the node names its operator's usual activations, or none; `one` is what an RNN has instead of Tanh.
bool has_activations(const NodeView& node, int64_t directions, std::string_view one = "tanh") {
  const bool lstm = node.node().op_type == "LSTM", gru = node.node().op_type == "GRU";
  const std::vector<std::string_view> usual = lstm  ? std::vector<std::string_view>{"sigmoid", "tanh", "tanh"}
                                              : gru ? std::vector<std::string_view>{"sigmoid", "tanh"}
                                                    : std::vector<std::string_view>{one};
  const auto given = node.attr_strings("activations");
  if (given.empty()) return one == "tanh";
  if (given.size() < usual.size() * static_cast<size_t>(directions)) return false;
  for (size_t i = 0; i < usual.size() * static_cast<size_t>(directions); ++i) {
    const std::string_view expected = usual[i % usual.size()];
    const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
    if (!std::equal(given[i].begin(), given[i].end(), expected.begin(), expected.end(), same)) return false;
  }
  return true;
}

/// Lengths that are left out or known to be those of whole sequences.
bool has_whole_sequences(const Problem& p, int64_t steps) {
  if (!p.has_input(sequence_lens)) return true;
  const Tensor* lengths = p.inputs[sequence_lens].constant;
  if (lengths == nullptr || lengths->dtype() != DType::i32) return false;
  const auto elements = lengths->elements<int32_t>();
  return std::all_of(elements.begin(), elements.end(), [&](int32_t length) { return length == steps; });
}

/// What the kernel is to do, or why it cannot.
std::string read_problem(const Problem& p, RecurrentProblem& r) {
  const NodeView node = p.view();
  if (p.group->nodes.size() != 1) return "something fused";
  if (node.version() < 7) return "an old version of the operator";
  for (const size_t index : {sequence, input_weights, state_weights, biases, initial_h, initial_c}) {
    if (p.has_input(index) && !is_f32(p.inputs[index])) return "not f32";
  }
  for (const size_t index : {input_weights, state_weights, biases}) {
    if (p.has_input(index) && p.inputs[index].constant == nullptr) return "weights that are not constant";
  }
  const Shape &x = p.inputs[sequence].shape, &of_state = p.inputs[state_weights].shape;
  if (x.size() != 3 || of_state.size() != 3) return "shapes that do not fit";
  r.batch_first = node.attr_int("layout", 0) != 0;
  r.steps = x[r.batch_first ? 1 : 0], r.batch = x[r.batch_first ? 0 : 1], r.input = x[2];
  r.hidden = of_state[2], r.directions = of_state[0];
  r.reverse = node.attr_string("direction", "forward") == "reverse";
  r.clip = node.attr_float("clip", 0);
  if (!(r.clip >= 0)) return "a negative clip";
  if (p.anchor().op_type == "LSTM") {
    r.kind = RecurrentKind::lstm;
    r.input_forget = node.attr_int("input_forget", 0) != 0;
  } else if (p.anchor().op_type == "GRU") {
    r.kind = RecurrentKind::gru;
    r.linear_before_reset = node.attr_int("linear_before_reset", 0) != 0;
  } else {
    r.kind = has_activations(node, r.directions, "relu") ? RecurrentKind::rnn_relu : RecurrentKind::rnn_tanh;
  }
  const int64_t width = r.gates() * r.hidden;
  const Shape state = r.batch_first ? Shape{r.batch, r.directions, r.hidden} : Shape{r.directions, r.batch, r.hidden};
  const auto is = [&](size_t index, const Shape& shape) {
    return !p.has_input(index) || p.inputs[index].shape == shape;
  };
  if (!is(input_weights, {r.directions, width, r.input}) || !is(state_weights, {r.directions, width, r.hidden}) ||
      !is(biases, {r.directions, 2 * width}) || !is(initial_h, state) || !is(initial_c, state)) {
    return "shapes that do not fit";
  }
  if (r.steps < 1 || r.batch < 1 || r.input < 1 || r.hidden < 1 || r.directions < 1 || r.directions > 2) {
    return "nothing to do";
  }
  if (r.kind != RecurrentKind::rnn_relu && !has_activations(node, r.directions)) return "unusual activations";
  if (p.has_input(peepholes)) return "peepholes";
  if (!has_whole_sequences(p, r.steps)) return "sequences of different lengths";
  return "";
}

PackedRecurrence make_kernel(const Problem& p, bool paired) {
  RecurrentProblem r;
  read_problem(p, r);
  r.paired = paired;
  return {r, p.isa, p.threads};
}

class RecurrenceWork final : public Work {
 public:
  RecurrenceWork(const Problem& p, bool paired) : kernel_(make_kernel(p, paired)) {
    for (size_t i = 0; i < 3; ++i) wants_[i] = i < p.outputs.size() && p.outputs[i].is_given();
    has_h_ = p.has_input(initial_h), has_c_ = p.has_input(initial_c);
  }
  std::string name() const override { return kernel_.name(); }
  int64_t scratch_floats(int64_t parts) const override { return kernel_.scratch_floats(parts); }
  int64_t phases() const override { return kernel_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const auto output = [&](size_t i) { return wants_[i] ? static_cast<float*>(p.outputs[i]) : nullptr; };
    RecurrentPointers r{static_cast<const float*>(p.inputs[sequence]), p.packed};
    if (has_h_) r.initial_h = static_cast<const float*>(p.inputs[initial_h]);
    if (has_c_) r.initial_c = static_cast<const float*>(p.inputs[initial_c]);
    r.y = output(result), r.y_h = output(last_h), r.y_c = output(last_c);
    kernel_.run_part(phase, part, parts, r, p.scratch);
  }

 private:
  PackedRecurrence kernel_;
  bool wants_[3] = {}, has_h_, has_c_;
};

template <bool paired>
double recurrence_cost(const Problem& p, const Tuning&) {
  RecurrentProblem r;
  read_problem(p, r);
  const double rows = static_cast<double>(r.steps * r.batch * r.directions);
  const double width = static_cast<double>(r.gates() * r.hidden);
  // The state's weights are read at every step.
  const double of_a_step = static_cast<double>(r.directions * r.hidden) * width * 4;
  return arithmetic_seconds(rows * width * static_cast<double>(r.input), p.isa, paired ? paired_share(p.isa) : 0.9) +
         std::max(static_cast<double>(r.steps) * memory_seconds(of_a_step),
                  arithmetic_seconds(rows * width * static_cast<double>(r.hidden), p.isa, 0.8));
}

template <bool paired>
std::string decline_recurrence(const Problem& p) {
  RecurrentProblem r;
  if (std::string why = read_problem(p, r); !why.empty()) return why;
  return paired && !PackedRecurrence::can_be_paired(r) ? "a small matrix" : "";
}

template <bool paired>
constexpr Tactic recurrence(const char* name) {
  return {
      .name = name,
      .declines = decline_recurrence<paired>,
      .formats = plain_only,
      .tunings = [](const Problem&) { return std::vector<Tuning>{Tuning{}}; },
      .cost = recurrence_cost<paired>,
      .prepare = [](const Problem& p, const Layouts&, const Tuning&) -> std::unique_ptr<Work> {
        return std::make_unique<RecurrenceWork>(p, paired);
      },
      .packs = weights_and_biases,
      .packed_floats = [](const Problem& p, const Tuning&) { return make_kernel(p, paired).packed_floats(); },
      .pack =
          [](const Problem& p, const Tuning&, float* to) {
            const auto data = [&](size_t i) { return p.has_input(i) ? p.inputs[i].constant->data<float>() : nullptr; };
            make_kernel(p, paired).pack(data(input_weights), data(state_weights), data(biases), to);
          },
      .approximates = paired,
  };
}

}  // namespace

namespace tactics {

constinit const Tactic recurrence_packed = recurrence<false>("recurrence_packed");
/// With the input's product in pairs.
constinit const Tactic recurrence_paired = recurrence<true>("recurrence_paired");

}  // namespace tactics
}  // namespace kiln
