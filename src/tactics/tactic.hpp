#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/isa.hpp"
#include "kernels/conv/conv_problem.hpp"
#include "kernels/epilogue.hpp"
#include "kernels/layout.hpp"
#include "ops/context.hpp"

namespace kiln {

/// How a tensor lies in memory.
enum class Format : uint8_t {
  plain,    ///< row-major, as ONNX has it
  blocked,  ///< f32 [N,C,H,W] or [N,C,W] (then h is 1) in channel blocks: kernels/layout.hpp
};

/// A tensor as a tactic sees it. All dims are known.
struct TensorSpec {
  DType dtype = DType::undefined;  ///< undefined for an input or output that is left out
  Shape shape;
  const Tensor* constant = nullptr;  ///< the elements, where they are known before any run

  bool is_given() const { return dtype != DType::undefined; }
};

/// Nodes that are done together: an anchor with what was fused to it, or a chain of elementwise nodes. Inputs and
/// outputs are values of the graph: those of the anchor in its own order, then those of fused nodes. Or a sequel: all
/// nodes that follow from shapes which data decide, up to where they decide more, done by an engine of their own.
struct Group {
  std::vector<size_t> nodes;    ///< of the graph, in order; the anchor is the first
  std::vector<ValueId> inputs;  ///< no_value where an optional input of the anchor is left out
  std::vector<ValueId> outputs;
  Epilogue epilogue;    ///< what follows the anchor's own result and bias
  int residual = -1;    ///< which input the epilogue adds
  bool turned = false;  ///< the constant matrix of a MatMul is read through a Transpose
  bool is_sequel = false;
};

/// Rows of the output that are made alone, from rows of what is read around them. Shapes stay those of the whole.
struct RowBand {
  int64_t out_first = 0, out_rows = 0;
  int64_t in_first = 0, in_rows = 0;
};

/// A group for concrete shapes on a concrete machine: what a tactic is asked about.
struct Problem {
  const Group* group = nullptr;
  std::vector<const Node*> nodes;  ///< of the group, in its order
  const Schema* schema = nullptr;  ///< of the anchor, in force by `opsets`
  const OpsetImports* opsets = nullptr;
  std::vector<TensorSpec> inputs, outputs;  ///< as in the group
  Isa isa = Isa::portable;
  int threads = 1;
  /// Weights come from main memory, since those of the whole network are more than the caches hold.
  bool far_weights = true;
  /// For prepare() of a tactic with rows(): the layouts are those of the band's rows then.
  std::optional<RowBand> band;
  /// A convolution's numbers, of the whole: kept by conv_problem() and transposed_problem(), which all functions of a
  /// tactic ask.
  mutable std::optional<ConvProblem> conv;

  const Node& anchor() const { return *nodes.front(); }
  NodeView view() const { return {anchor(), *schema, *opsets}; }
  const Epilogue& epilogue() const { return group->epilogue; }
  bool has_input(size_t index) const { return index < inputs.size() && inputs[index].is_given(); }
};

/// Formats of the inputs and outputs of a group. Inputs that are left out or packed are `plain`.
struct Formats {
  std::vector<Format> inputs, outputs;
  bool operator==(const Formats&) const = default;
};

/// Where the elements of one input or output lie: nothing more to say for a plain one.
struct TensorLayout {
  Format format = Format::plain;
  BlockedLayout blocked;  ///< of a blocked one; may be a view (image_blocks) and has any halo that covers halo()
  int64_t row = 0;        ///< elements from a row (of the last axis) of a plain one to the next; 0: they lie together
  int64_t plane = 0;  ///< elements from a channel of a plain one to the next, of some rows of images; 0: as the shape
};
struct Layouts {
  std::vector<TensorLayout> inputs, outputs;
};

/// What measuring or a rule chooses for a tactic; each tactic says what its numbers mean.
struct Tuning {
  std::array<int32_t, 8> numbers{};
  bool operator==(const Tuning&) const = default;
};

/// What it takes to make some rows of an output [N,C,H,W] alone.
struct RowRule {
  int64_t multiple = 1;  ///< of which the first row is one, and the one behind the last, but at the end of the output
  /// Output rows [a, b) are made of the rows of input 0 from a * down / up - before to (b - 1) * down / up + after,
  /// both included and rounded down, without those that it does not have.
  int64_t up = 1, down = 1, before = 0, after = 0;
  uint32_t aligned = 0;  ///< inputs (a bit each) that are read at the output's own rows; input 0 as above otherwise
  uint32_t whole = 0;    ///< inputs that are read whole
  /// The output that is the means of all rows, whose Work for a band writes sums of its rows instead
  /// (kernels/pool/row_sums.hpp); -1 for none. Where it is the only one, the rows are those of input 0.
  int mean_output = -1;
};

/// The band of the output rows [first, end), read from an input of so many rows.
RowBand band_of(const RowRule& rule, int64_t first, int64_t end, int64_t in_height);
/// Some rows of a tensor whose channel blocks lie `lines` rows apart. The pointer that goes with it is to `halo.h` rows
/// above the first one.
BlockedLayout rows_view(BlockedLayout layout, int64_t rows, int64_t lines);

struct WorkPointers {
  const void* const* inputs;  ///< as in the group; null where packed or left out
  void* const* outputs;
  const float* packed;  ///< what pack() made
  float* scratch;       ///< scratch_floats(parts) floats, aligned to 64 bytes; those of part 0 first
};

/// A tactic made concrete for shapes, layouts and tuning: what a plan runs. Never changes.
class Work {
 public:
  virtual ~Work() = default;
  /// The kernel with all that was chosen: "conv_f32_winograd4x3_avx512".
  virtual std::string name() const = 0;
  virtual int64_t scratch_floats(int64_t /*parts*/) const { return 0; }
  /// All parts of a phase end before any of the next begins.
  virtual int64_t phases() const { return 1; }
  /// What it holds on the heap beside itself.
  virtual int64_t bytes_beside() const { return 0; }
  /// Does part `part` of `parts`. No allocation, no lock, no exception.
  virtual void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const = 0;
  /// Fails before a run where the inputs' content cannot be worked with (an index out of range, say).
  virtual void check(const WorkPointers& /*p*/) const {}
  virtual bool checks() const { return false; }  ///< whether check() does anything
};

/// One way to do groups of some operators, as data. Everything but the name may be asked for any problem that
/// `declines` let pass.
struct Tactic {
  std::string_view name;  ///< "conv_winograd"; unique, kept in engines
  /// "" if this tactic can do the problem; otherwise why not, for people.
  std::string (*declines)(const Problem& problem);
  /// What else speaks against it when an engine is made, also by the elements of the constants. Null for nothing.
  std::string (*declines_weights)(const Problem& problem) = nullptr;
  /// The combinations of formats that it offers, best first.
  std::vector<Formats> (*formats)(const Problem& problem);
  /// The tunings worth timing, first the one that should be best. At least one.
  std::vector<Tuning> (*tunings)(const Problem& problem);
  /// Seconds that it should take on one thread.
  double (*cost)(const Problem& problem, const Tuning& tuning);
  std::unique_ptr<Work> (*prepare)(const Problem& problem, const Layouts& layouts, const Tuning& tuning);

  /// Inputs (a bit each) that pack() takes in, so that a run does not read them. They are constants.
  uint32_t packs = 0;
  /// Those of them that pack() reads at any address, so that no copy is made for it of what lies askew.
  uint32_t packs_askew = 0;
  /// The size of the packed weights, and the packing. They depend on the constants, the tuning and the instruction
  /// set, never on the shapes of the other inputs. Null where there is nothing to pack.
  int64_t (*packed_floats)(const Problem& problem, const Tuning& tuning) = nullptr;
  void (*pack)(const Problem& problem, const Tuning& tuning, float* to) = nullptr;
  /// Which of the tuning's numbers (a bit each) say how it is packed: where these are the same, so is what is packed.
  uint8_t packed_by = 0xff;
  /// Pixels around a blocked input that the kernel reads; null for none.
  Halo (*halo)(const Problem& problem, size_t input) = nullptr;
  /// Inputs (a bit each) whose storage the only output may take where both have the same layout; null for none.
  uint32_t (*in_place)(const Problem& problem) = nullptr;
  /// Computes by another formula, whose rounding errors are larger: not for those who want strict mathematics.
  bool approximates = false;
  /// Inputs (a bit each) that may be plain with rows that lie apart; null for none.
  uint32_t (*strided)(const Problem& problem) = nullptr;
  /// How it makes some rows of the output alone; nothing where it cannot. Null for none.
  std::optional<RowRule> (*rows)(const Problem& problem, const Tuning& tuning) = nullptr;
  /// "4x4 tiles of 28", for people; null where there is nothing to say.
  std::string (*describe)(const Tuning& tuning) = nullptr;
};

/// Those of the tuning's numbers that say how it is packed, the others 0.
Tuning packing_of(const Tactic& tactic, const Tuning& tuning);

/// The tactics that may do a group with this anchor, best guess first (all_tactics.cpp lists them). Where none can,
/// the reference code of the nodes does it.
std::span<const Tactic* const> tactics_for(const Node& anchor);
const Tactic* find_tactic(std::string_view name);

/// The blocked layout of a [N,C,H,W] or [N,C,W] tensor.
BlockedLayout blocked_layout(const Shape& shape, Isa isa, Halo halo);

/// Formats in which all inputs that are given (and not in the mask `packed`) and all outputs are `format`.
Formats uniform_formats(const Problem& problem, Format format, uint32_t packed = 0);

/// For the formats of tactics that know plain tensors alone.
std::vector<Formats> plain_only(const Problem& problem);

bool is_f32(const TensorSpec& spec);

/// For in_place of linear kernels: the output may take the place of a residual that is added before anything is
/// written; one that is added after the activation is read when the place has been written already.
uint32_t residual_place(const Problem& problem);

/// What memory and arithmetic should take on one thread, in seconds; for tactics' cost().
double memory_seconds(double bytes);
double weight_seconds(const Problem& problem, double bytes);
double arithmetic_seconds(double multiply_adds, Isa isa, double share_of_peak);
/// What share of that peak products in pairs (kernels/paired) reach: more than all where the CPU adds on the side.
double paired_share(Isa isa);
/// Bytes of all inputs (but packed ones) and outputs.
double bytes_moved(const Problem& problem, uint32_t packed = 0);

}  // namespace kiln
