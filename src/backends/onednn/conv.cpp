#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "backends/onednn/channel_moves.hpp"
#include "backends/onednn/conv_pieces.hpp"
#include "backends/onednn/tactics.hpp"
#include "base/error.hpp"
#include "tactics/kernel_work.hpp"

namespace kiln::onednn {
namespace {

constexpr uint32_t weights_and_bias = 0b110;

/// What a primitive takes beside its work: arguments, looking for the kernel.
constexpr double call_seconds = 4e-6;

int64_t rounded(int64_t floats) { return divide_up(floats, 16) * 16; }

class ConvWork final : public Work {
 public:
  ConvWork(const Problem& p, const ConvChoice& choice)
      : pieces_(p, choice),
        isa_(p.isa),
        moves_(p.isa, choice.form == Form::last ? 0 : pieces_.block),
        epilogue_(p.epilogue()),
        residual_(p.group->residual) {
    std::map<std::array<int64_t, 6>, ConvCode> made;
    for (int64_t image = 0; image < pieces_.shape.batch; ++image) {
      for (const ConvChunk& chunk : pieces_.chunks) {
        for (const ConvSlab& slab : pieces_.slabs) add(made, image, chunk, slab);
      }
    }
  }

  std::string name() const override {
    constexpr const char* forms[] = {"blocks", "last", "planes"};
    return fmt::format("conv{}_f32_onednn_{}_{}", pieces_.shape.transposed ? "_transposed" : "",
                       forms[static_cast<size_t>(pieces_.choice.form)], implementation_);
  }
  int64_t scratch_floats(int64_t parts) const override { return parts * (in_floats_ + out_floats_ + pad_floats_); }
  int64_t bytes_beside() const override { return static_cast<int64_t>(work_.size() * (sizeof(Piece) + 1024)); }

  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const auto [begin, end] = part_range(static_cast<int64_t>(work_.size()), part, parts);
    float* const scratch = p.scratch + part * scratch_floats(1);
    for (int64_t i = begin; i < end; ++i) {
      const Piece& piece = work_[static_cast<size_t>(i)];
      if (pieces_.choice.form == Form::planes) {
        run_planes(piece, p, scratch);
      } else {
        run_moved(piece, p, scratch);
      }
    }
  }

 private:
  struct Piece {
    int64_t image;
    const ConvChunk* chunk;
    const ConvSlab* slab;
    Call call;
    bool pads;  ///< whether it is given a scratchpad
  };

  void add(std::map<std::array<int64_t, 6>, ConvCode>& made, int64_t image, const ConvChunk& chunk,
           const ConvSlab& slab) {
    const std::array<int64_t, 6> key{chunk.groups,  chunk.wide_out, slab.in_rows,
                                     slab.out_rows, slab.pad_begin, slab.pad_end};
    const Descriptor weights = pieces_.weights(chunk);
    auto found = made.find(key);
    if (found == made.end()) {
      found = made.emplace(key, guarded("convolution", [&] { return conv_code(pieces_, chunk, slab, weights, true); }))
                  .first;
    }
    const ConvCode& code = found->second;
    implementation_ = code.implementation;
    const Descriptor in = pieces_.in(chunk, slab), out = pieces_.out(chunk, slab);
    if (pieces_.choice.form != Form::planes) {
      in_floats_ = std::max(in_floats_, rounded(floats_of(in)));
      out_floats_ = std::max(out_floats_, rounded(floats_of(out)));
    }
    const bool pads = code.scratchpad.get_size() > 0;
    if (pads) pad_floats_ = std::max(pad_floats_, rounded(floats_of(code.scratchpad) + 1));
    std::vector<std::pair<int, Descriptor>> arguments{
        {DNNL_ARG_SRC, in}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_BIAS, pieces_.bias(chunk)}, {DNNL_ARG_DST, out}};
    if (pads) arguments.emplace_back(DNNL_ARG_SCRATCHPAD, code.scratchpad);
    work_.push_back(guarded("convolution", [&] {
      return Piece{image, &chunk, &slab, Call(code.primitive, arguments), pads};
    }));
  }

  void call(const Piece& piece, const float* in, const float* packed, float* out, float* pad, int64_t floats) const {
    const float *weights = packed + piece.chunk->at, *bias = packed + piece.chunk->bias_at;
    const bool done =
        piece.pads ? piece.call.run({in, weights, bias, out, pad}) : piece.call.run({in, weights, bias, out});
    // Nothing that could be taken for a result is left where oneDNN fails, out of memory say.
    if (!done) std::fill_n(out, floats, std::numeric_limits<float>::quiet_NaN());
  }

  /// By way of copies in the form that oneDNN wants.
  void run_moved(const Piece& piece, const WorkPointers& p, float* scratch) const {
    const ConvShape& s = pieces_.shape;
    const ConvChunk& c = *piece.chunk;
    const ConvSlab& slab = *piece.slab;
    const int64_t in_plane = s.in_plane(), in_row = in_plane / s.in[0];
    const int64_t out_plane = s.out_plane(), out_row = out_plane / s.out[0];
    float *const in = scratch, *const out = in + in_floats_, *const pad = out + out_floats_;
    moves_.gather(input_floats(p, 0) + (piece.image * s.channels_in() + c.first_in) * in_plane + slab.in_first * in_row,
                  in_plane, c.channels_in, slab.in_rows * in_row, in);
    const int64_t out_pixels = slab.out_rows * out_row;
    call(piece, in, p.packed, out, pad, c.groups * c.wide_out * out_pixels);
    const int64_t to = (piece.image * s.channels_out() + c.first_out) * out_plane + slab.out_first * out_row;
    const float* const residual = residual_floats(p, residual_);
    moves_.scatter(out, out_plane, c.channels_out, out_pixels, epilogue_, residual == nullptr ? nullptr : residual + to,
                   output_floats(p, 0) + to);
  }

  /// On the plain tensors.
  void run_planes(const Piece& piece, const WorkPointers& p, float* scratch) const {
    const ConvShape& s = pieces_.shape;
    const ConvChunk& c = *piece.chunk;
    const int64_t to = (piece.image * s.channels_out() + c.first_out) * s.out_plane();
    const int64_t floats = c.channels_out * s.out_plane();
    float* const out = output_floats(p, 0) + to;
    call(piece, input_floats(p, 0) + (piece.image * s.channels_in() + c.first_in) * s.in_plane(), p.packed, out,
         scratch, floats);
    if (is_idle(epilogue_)) return;
    const float* const residual = residual_floats(p, residual_);
    const TileTable& table = tile_table(isa_);
    finish_row(table.pass, table.lanes, epilogue_, out, residual == nullptr ? nullptr : residual + to, out, floats);
  }

  ConvPieces pieces_;
  Isa isa_;
  ChannelMoves moves_;
  Epilogue epilogue_;
  int residual_;
  std::string implementation_;
  std::vector<Piece> work_;
  int64_t in_floats_ = 0, out_floats_ = 0, pad_floats_ = 0;  ///< of a part's scratch memory
};

/// What oneDNN would do in this form; nothing where it has no fast code for one of the pieces.
std::vector<ConvChoice> choice_of(const Problem& p, Form form, int64_t chunks) {
  ConvChoice choice{form, chunks, {}};
  const OneThread alone;
  try {
    const ConvPieces open(p, choice);
    const auto size = [](const ConvChunk& chunk) { return chunk.groups * chunk.wide_out; };
    const ConvChunk& largest = *std::max_element(open.chunks.begin(), open.chunks.end(),
                                                 [&](const auto& a, const auto& b) { return size(a) < size(b); });
    const Descriptor any(largest.weight_dims(open.shape), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
    const ConvCode code = conv_code(open, largest, open.slabs.front(), any, false);
    if (is_slow(code.implementation) || !WeightsLayout::of(code.weights, choice.weights)) return {};
    const ConvPieces pieces(p, choice);
    for (const ConvChunk& chunk : pieces.chunks) {
      for (const ConvSlab& slab : pieces.slabs) {
        if (is_slow(conv_code(pieces, chunk, slab, pieces.weights(chunk), false).implementation)) return {};
      }
    }
  } catch (const dnnl::error&) {
    return {};
  } catch (const Error&) {
    return {};
  }
  return {choice};
}

std::vector<Tuning> conv_tunings(const Problem& p) {
  const ConvShape s = conv_shape(p);
  const int64_t block = block_of(p.isa);
  const int64_t units = s.groups > 1 ? s.groups : divide_up(s.group_out, block);
  const int64_t threads = std::min<int64_t>(p.threads, units);
  std::vector<int64_t> chunks{1};
  if (threads > 1 && s.batch % p.threads != 0) chunks.push_back(threads);
  std::vector<Tuning> all;
  for (const Form form : {Form::blocks, Form::last, Form::planes}) {
    const bool fills_blocks = s.groups == 1 || (s.group_in % block == 0 && s.group_out % block == 0);
    if (form == Form::blocks && !fills_blocks) continue;
    for (const int64_t count : chunks) {
      for (const ConvChoice& choice : choice_of(p, form, count)) all.push_back(choice.tuning());
    }
  }
  return all;
}

std::string decline_conv(const Problem& p) {
  if (p.isa != library().isa) return "another instruction set than oneDNN's in this process";
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  if (!is_f32(p.inputs[0]) || !is_f32(p.outputs[0]) || !is_f32(p.inputs[1])) return "not f32";
  if (x.size() < 3 || x.size() > 5) return "not one to three spatial axes";
  if (p.outputs.size() != 1) return "another output";
  if (p.inputs[1].constant == nullptr) return "weights that are not constant";
  if (p.has_input(2) && p.inputs[2].constant == nullptr) return "a bias that is not constant";
  if (element_count(x) == 0 || element_count(y) == 0) return "an empty tensor";
  if (p.group->residual >= 0) {
    const TensorSpec& residual = p.inputs[static_cast<size_t>(p.group->residual)];
    if (!is_f32(residual) || residual.shape != y) return "a residual of another shape";
  }
  const NodeView node = p.view();
  if (p.anchor().op_type == "ConvTranspose" &&
      (node.has_attribute("output_shape") || node.attr_string("auto_pad", "NOTSET") != "NOTSET")) {
    return "pads that follow from the output";
  }
  for (int64_t pad : node.attr_ints("pads")) {
    if (pad < 0) return "negative pads";
  }
  return conv_tunings(p).empty() ? "oneDNN has no fast code for it" : "";
}

double conv_cost(const Problem& p, const Tuning& tuning) {
  const ConvPieces pieces(p, ConvChoice::of(tuning));
  const ConvShape& s = pieces.shape;
  const double pixels = static_cast<double>(s.batch * (s.transposed ? s.in_plane() : s.out_plane()));
  double channels = 0;
  for (const ConvChunk& c : pieces.chunks) channels += static_cast<double>(c.groups * c.wide_in * c.wide_out);
  const double in_group = static_cast<double>(s.group_in);
  const double pieces_count =
      static_cast<double>(s.batch) * static_cast<double>(pieces.chunks.size() * pieces.slabs.size());
  double share = 0.85;
  if (pieces.choice.form == Form::last) share = s.group_in == 1 ? 0.03 : std::min(0.8, 0.5 + in_group / 100);
  if (pieces.choice.form == Form::planes) share = std::min(0.35, 0.015 + in_group / 150);
  const double moved = bytes_moved(p, weights_and_bias);
  const double moving = pieces.choice.form == Form::planes ? 0 : 1.2 * memory_seconds(2 * moved);
  const double reading = weight_seconds(p, static_cast<double>(pieces.packed_floats) * 4);
  return std::max(arithmetic_seconds(pixels * channels * static_cast<double>(s.taps()), p.isa, share), reading) +
         moving + memory_seconds(moved) + call_seconds * pieces_count;
}

/// One chunk's weights, as ONNX has them, in the dims that oneDNN is told of; padding is zero.
std::vector<float> plain_weights(const ConvShape& s, const ConvChunk& c, const float* from) {
  const int64_t taps = s.taps();
  std::vector<float> plain(static_cast<size_t>(c.groups * c.wide_out * c.wide_in * taps), 0.0f);
  const int64_t outs = c.channels_out / c.groups, ins = c.channels_in / c.groups;
  for (int64_t g = 0; g < c.groups; ++g) {
    for (int64_t o = 0; o < outs; ++o) {
      for (int64_t i = 0; i < ins; ++i) {
        // Of groups, or of the only one: the output channel within its group.
        const int64_t out = c.first_out + g * outs + o;
        const int64_t in = c.first_in + g * ins + i;
        const int64_t row = s.transposed ? in * s.group_out + out % s.group_out : out * s.group_in + in % s.group_in;
        std::copy_n(from + row * taps, taps, plain.data() + ((g * c.wide_out + o) * c.wide_in + i) * taps);
      }
    }
  }
  return plain;
}

void pack_conv(const Problem& p, const Tuning& tuning, float* to) {
  const ConvPieces pieces(p, ConvChoice::of(tuning));
  std::fill_n(to, pieces.packed_floats, 0.0f);
  for (const ConvChunk& chunk : pieces.chunks) {
    std::vector<float> plain = plain_weights(pieces.shape, chunk, p.inputs[1].constant->data<float>());
    const Dims dims = chunk.weight_dims(pieces.shape);
    WeightsLayout in_order;
    for (size_t i = 0; i < dims.size(); ++i) in_order.order |= static_cast<int32_t>(i) << (4 * i);
    guarded("packing of weights", [&] {
      dnnl::stream stream(cpu_engine());
      dnnl::memory from(in_order.descriptor(dims), cpu_engine(), plain.data());
      dnnl::memory packed(pieces.weights(chunk), cpu_engine(), to + chunk.at);
      dnnl::reorder(from, packed).execute(stream, from, packed);
      stream.wait();
    });
    if (!p.has_input(2)) continue;
    std::copy_n(p.inputs[2].constant->data<float>() + chunk.first_out, chunk.channels_out, to + chunk.bias_at);
  }
}

std::string describe_conv(const Tuning& tuning) {
  const ConvChoice choice = ConvChoice::of(tuning);
  constexpr const char* forms[] = {"channels in blocks", "channels last", "plain"};
  return fmt::format("{}, weights {}{}", forms[static_cast<size_t>(choice.form)], choice.weights.text(),
                     choice.chunks > 1 ? fmt::format(", {} chunks of channels", choice.chunks) : "");
}

constexpr Tactic conv_tactic(std::string_view name) {
  return {
      .name = name,
      .declines = decline_conv,
      .formats = [](const Problem& p) { return std::vector{uniform_formats(p, Format::plain, weights_and_bias)}; },
      .tunings = conv_tunings,
      .cost = conv_cost,
      .prepare = [](const Problem& p, const Layouts&, const Tuning& tuning) -> std::unique_ptr<Work> {
        return std::make_unique<ConvWork>(p, ConvChoice::of(tuning));
      },
      .packs = weights_and_bias,
      .packed_floats = [](const Problem& p, const Tuning& t) { return ConvPieces(p, ConvChoice::of(t)).packed_floats; },
      .pack = pack_conv,
      .describe = describe_conv,
  };
}

}  // namespace

constinit const Tactic conv = conv_tactic("onednn_conv");
constinit const Tactic conv_transposed = conv_tactic("onednn_conv_transposed");

}  // namespace kiln::onednn
