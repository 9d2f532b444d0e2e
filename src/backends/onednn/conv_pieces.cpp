#include "backends/onednn/conv_pieces.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.hpp"
#include "kernels/layout.hpp"
#include "ops/support/window_shape.hpp"

namespace kiln::onednn {
namespace {

int64_t product(const Dims& dims) { return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>()); }
int64_t rounded(int64_t floats) { return divide_up(floats, 16) * 16; }

using Tag = dnnl::memory::format_tag;

Tag tag_of(Form form, size_t axes, int64_t block) {
  constexpr Tag planes[] = {Tag::ncw, Tag::nchw, Tag::ncdhw}, last[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc};
  constexpr Tag blocks16[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  constexpr Tag blocks8[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};
  switch (form) {
    case Form::planes: return planes[axes - 1];
    case Form::last: return last[axes - 1];
    default: return (block == 16 ? blocks16 : blocks8)[axes - 1];
  }
}

Dims spatial(const Dims& dims, int64_t first) {
  Dims result = dims;
  result[0] = first;
  return result;
}

/// The rows that a slab of the output reads; false where it reads none.
bool make_slab(const ConvShape& s, int64_t first, int64_t end, ConvSlab& slab) {
  const int64_t low = first * s.strides[0] - s.pads_begin[0];
  const int64_t high = (end - 1) * s.strides[0] + s.span(0) - s.pads_begin[0];
  slab.in_first = std::max<int64_t>(0, low);
  const int64_t in_end = std::min(s.in[0], high);
  slab.in_rows = in_end - slab.in_first;
  slab.out_first = first, slab.out_rows = end - first;
  slab.pad_begin = slab.in_first - low, slab.pad_end = high - in_end;
  return slab.in_rows > 0;
}

std::vector<ConvSlab> make_slabs(const ConvShape& s, int64_t count) {
  const ConvSlab whole{0, s.in[0], 0, s.out[0], s.pads_begin[0], s.pads_end[0]};
  std::vector<ConvSlab> slabs;
  for (int64_t i = 0; count > 1 && i < count; ++i) {
    const auto [begin, end] = part_range(s.out[0], i, count);
    slabs.emplace_back();
    if (!make_slab(s, begin, end, slabs.back())) return {whole};
  }
  return slabs.empty() ? std::vector{whole} : slabs;
}

/// Enough for all threads, and for a run to be stopped in between; few, since neighbours read the same rows twice.
int64_t slab_count(const ConvShape& s, int threads) {
  constexpr double most_macs = 1.5e9;  // some 30 ms
  const double macs = static_cast<double>(s.out_plane()) * static_cast<double>(s.taps()) *
                      static_cast<double>(s.group_in) * static_cast<double>(s.channels_out());
  const bool enough_images = s.batch % threads == 0 || s.batch >= 4 * threads;
  int64_t count = enough_images ? 1 : threads;
  while (macs / static_cast<double>(count) > most_macs) count *= 2;
  const int64_t least_rows = count > threads ? s.span(0) : 1;
  return std::clamp<int64_t>(s.out[0] / std::max<int64_t>(least_rows, 1), 1, count);
}

}  // namespace

int64_t ConvShape::in_plane() const { return product(in); }
int64_t ConvShape::out_plane() const { return product(out); }
int64_t ConvShape::taps() const { return product(kernel); }

ConvShape conv_shape(const Problem& p) {
  const NodeView node = p.view();
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  ConvShape s;
  s.transposed = p.anchor().op_type == "ConvTranspose";
  s.batch = x[0];
  s.groups = node.attr_int("group");
  s.group_in = s.transposed ? w[0] / s.groups : w[1];
  s.group_out = s.transposed ? w[1] : w[0] / s.groups;
  s.in.assign(x.begin() + 2, x.end());
  s.out.assign(y.begin() + 2, y.end());
  s.kernel.assign(w.begin() + 2, w.end());
  const size_t axes = s.kernel.size();
  if (s.transposed) {
    s.strides = ops::read_window_list(node, "strides", axes, 1, 1);
    s.dilations = ops::read_window_list(node, "dilations", axes, 1, 1);
    const auto pads = ops::read_window_list(node, "pads", 2 * axes, 0, 0);
    s.pads_begin.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(axes));
    s.pads_end.assign(pads.begin() + static_cast<ptrdiff_t>(axes), pads.end());
    return s;
  }
  ops::Window window = ops::read_window(node, {w.begin() + 2, w.end()});
  ops::resolve_pads(window, x);
  s.strides = window.strides, s.dilations = window.dilations;
  s.pads_begin = window.pads_begin, s.pads_end = window.pads_end;
  return s;
}

Tuning ConvChoice::tuning() const {
  return {{static_cast<int32_t>(form), library().version, library().instructions, static_cast<int32_t>(chunks),
           weights.order, weights.blocks}};
}

ConvChoice ConvChoice::of(const Tuning& tuning) {
  const auto& n = tuning.numbers;
  if (n[0] < 0 || n[0] > 2 || n[3] < 1) {
    fail(ErrorCode::unsupported, "no way of oneDNN's to do a convolution has the numbers {}, {}", n[0], n[3]);
  }
  return {static_cast<Form>(n[0]), n[3], {n[4], n[5]}};
}

Dims ConvChunk::weight_dims(const ConvShape& shape) const {
  Dims dims;
  if (shape.groups > 1) dims.push_back(groups);
  dims.push_back(wide_out), dims.push_back(wide_in);
  dims.insert(dims.end(), shape.kernel.begin(), shape.kernel.end());
  return dims;
}

ConvPieces::ConvPieces(const Problem& p, const ConvChoice& chosen)
    : shape(conv_shape(p)), choice(chosen), block(block_of(p.isa)) {
  const bool pads = choice.form == Form::blocks;
  const int64_t units = shape.groups > 1 ? shape.groups : divide_up(shape.group_out, block);
  if (choice.chunks > units) fail(ErrorCode::unsupported, "{} chunks of {} channel blocks", choice.chunks, units);
  for (int64_t i = 0; i < choice.chunks; ++i) {
    const auto [begin, end] = part_range(units, i, choice.chunks);
    ConvChunk chunk{};
    if (shape.groups > 1) {
      chunk.groups = end - begin, chunk.wide_in = shape.group_in, chunk.wide_out = shape.group_out;
      chunk.first_in = begin * shape.group_in, chunk.channels_in = chunk.groups * shape.group_in;
      chunk.first_out = begin * shape.group_out, chunk.channels_out = chunk.groups * shape.group_out;
    } else {
      chunk.groups = 1;
      chunk.first_in = 0, chunk.channels_in = shape.group_in;
      chunk.first_out = begin * block, chunk.channels_out = std::min(end * block, shape.group_out) - begin * block;
      chunk.wide_in = pads ? divide_up(shape.group_in, block) * block : shape.group_in;
      chunk.wide_out = pads ? (end - begin) * block : chunk.channels_out;
    }
    chunks.push_back(chunk);
  }
  const bool whole = choice.chunks > 1 || shape.transposed || choice.form == Form::planes;
  slabs = make_slabs(shape, whole ? 1 : slab_count(shape, p.threads));
  // A layout that is still to be found has no size.
  if (choice.weights.order == 0) return;
  for (ConvChunk& chunk : chunks) {
    chunk.at = packed_floats;
    chunk.bias_at = chunk.at + rounded(floats_of(weights(chunk)));
    packed_floats = chunk.bias_at + rounded(chunk.groups * chunk.wide_out);
  }
}

Descriptor ConvPieces::in(const ConvChunk& chunk, const ConvSlab& slab) const {
  Dims dims = spatial(shape.in, slab.in_rows);
  dims.insert(dims.begin(), {1, chunk.groups * chunk.wide_in});
  return {dims, dnnl::memory::data_type::f32, tag_of(choice.form, shape.in.size(), block)};
}
Descriptor ConvPieces::out(const ConvChunk& chunk, const ConvSlab& slab) const {
  Dims dims = spatial(shape.out, slab.out_rows);
  dims.insert(dims.begin(), {1, chunk.groups * chunk.wide_out});
  return {dims, dnnl::memory::data_type::f32, tag_of(choice.form, shape.in.size(), block)};
}
Descriptor ConvPieces::bias(const ConvChunk& chunk) const {
  return {{chunk.groups * chunk.wide_out}, dnnl::memory::data_type::f32, Tag::a};
}

ConvCode conv_code(const ConvPieces& pieces, const ConvChunk& chunk, const ConvSlab& slab, const Descriptor& weights,
                   bool make) {
  const ConvShape& s = pieces.shape;
  const Dims begin = spatial(s.pads_begin, slab.pad_begin), end = spatial(s.pads_end, slab.pad_end);
  Dims gaps = s.dilations;
  for (auto& gap : gaps) --gap;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const Descriptor in = pieces.in(chunk, slab), out = pieces.out(chunk, slab), bias = pieces.bias(chunk);
  const auto code_of = [&](const auto& description, auto make_primitive) {
    ConvCode code;
    code.implementation = description.impl_info_str();
    code.weights = description.weights_desc(), code.scratchpad = description.scratchpad_desc();
    if (make) code.primitive = make_primitive();
    return code;
  };
  constexpr auto inference = dnnl::prop_kind::forward_inference;
  if (s.transposed) {
    using Deconvolution = dnnl::deconvolution_forward;
    const Deconvolution::desc wanted(inference, dnnl::algorithm::deconvolution_direct, in, weights, bias, out,
                                     s.strides, gaps, begin, end);
    const Deconvolution::primitive_desc description(wanted, attributes, cpu_engine());
    return code_of(description, [&] { return Deconvolution(description); });
  }
  using Convolution = dnnl::convolution_forward;
  const Convolution::desc wanted(inference, dnnl::algorithm::convolution_direct, in, weights, bias, out, s.strides,
                                 gaps, begin, end);
  const Convolution::primitive_desc description(wanted, attributes, cpu_engine());
  return code_of(description, [&] { return Convolution(description); });
}

}  // namespace kiln::onednn
