#include "formats/onnx/read_context.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/utf8.hpp"

namespace kiln::onnx {
namespace {

constexpr size_t most_faults = 1000;

/// The text field `wanted` of a message, for a place; "" where the message cannot be read.
std::string peek(std::string_view message, uint32_t wanted) {
  constexpr size_t longest = 200;
  try {
    for (WireReader in(message); in.next();) {
      if (in.field() == wanted && in.is_bytes()) {
        const std::string_view text = in.bytes();
        return with_valid_utf8(text.substr(0, longest)) + (text.size() > longest ? "..." : "");
      }
      in.skip();
    }
  } catch (const WireError&) {  // The place is told as far as it can be read.
  }
  return {};
}

std::string named(std::string_view kind, const std::string& name) {
  return name.empty() ? std::string(kind) : fmt::format("{} '{}'", kind, name);
}

}  // namespace

ReadContext::ReadContext(std::string_view file, std::shared_ptr<const void> keeper, const ReadOptions& options,
                         Diagnostics& diagnostics)
    : file_(file), keeper_(std::move(keeper)), options_(options), diagnostics_(diagnostics), external_files_(options) {}

std::string ReadContext::place() const {
  std::string text;
  for (const Place& at : places_) {
    std::string part;
    switch (at.part) {
      case Part::graph: part = named("graph", peek(at.bytes, field::graph::name)); break;
      case Part::node: {
        const std::string name = peek(at.bytes, field::node::name), type = peek(at.bytes, field::node::op_type);
        part = name.empty() ? fmt::format("node #{}", at.index) : fmt::format("node '{}'", name);
        if (!type.empty()) part += fmt::format(" ({})", type);
        break;
      }
      case Part::attribute: part = named("attribute", peek(at.bytes, field::attribute::name)); break;
      case Part::tensor: part = named("tensor", peek(at.bytes, field::tensor::name)); break;
      case Part::value: part = named("value", peek(at.bytes, field::value_info::name)); break;
      case Part::function: part = named("function", peek(at.bytes, field::function::name)); break;
      case Part::training: part = "training info"; break;
      case Part::type: part = "type"; break;
      case Part::model:
      case Part::plain: continue;
    }
    if (!text.empty()) text += ", ";
    text += part;
  }
  return text.empty() ? "model" : text;
}

void ReadContext::error(std::string rule, std::string message, std::string help, ErrorCode code) {
  diagnostics_.error(std::move(rule), place(), std::move(message), std::move(help), code);
  if (++faults_ >= most_faults) throw TooManyFaults{};
}

void ReadContext::warning(std::string rule, std::string message, std::string help) {
  diagnostics_.warning(std::move(rule), place(), std::move(message), std::move(help));
  if (++faults_ >= most_faults) throw TooManyFaults{};
}

void ReadContext::malformed(const WireError& fault) {
  error("malformed-protobuf", fmt::format("at byte {}: {}", fault.at() - file_.data(), fault.what()),
        "The file is cut short, damaged, or no ONNX model: fetch or export it again.");
}

ReadContext::Level::Level(ReadContext& context)
    : context_(context), fits_(++context.depth_ <= context.limits().nesting) {
  if (!fits_) {
    context_.error("too-deep", fmt::format("nested deeper than {} levels", context_.limits().nesting),
                   "The knob onnx_max_nesting sets this limit.", ErrorCode::limit_exceeded);
  }
}

std::string ReadContext::bytes(std::string_view raw, std::string_view what) {
  if (raw.size() > static_cast<size_t>(limits().string_bytes)) {
    error("string-too-long", fmt::format("{} has {} bytes; the limit is {}", what, raw.size(), limits().string_bytes),
          "The knob onnx_max_string_bytes sets this limit.", ErrorCode::limit_exceeded);
    return {};
  }
  return std::string(raw);
}

std::string ReadContext::text(WireReader& in, std::string_view what) {
  const std::string_view raw = in.bytes();
  if (is_valid_utf8(raw)) return bytes(raw, what);
  error("invalid-utf8", fmt::format("{} is not valid UTF-8: '{}'", what, with_valid_utf8(raw.substr(0, 200))));
  return with_valid_utf8(bytes(raw, what));
}

std::pair<std::string, std::string> ReadContext::entry(WireReader& in) {
  std::pair<std::string, std::string> result;
  for (WireReader fields(in.bytes()); fields.next();) {
    switch (fields.field()) {
      case field::entry::key: result.first = text(fields, "a metadata key"); break;
      case field::entry::value: result.second = text(fields, "a metadata value"); break;
      default: fields.skip();
    }
  }
  return result;
}

bool ReadContext::count_node() {
  if (++nodes_ <= limits().nodes) return true;
  if (nodes_ == limits().nodes + 1) {
    error("too-many-nodes", fmt::format("the model has more than {} nodes", limits().nodes),
          "The knob onnx_max_nodes sets this limit.", ErrorCode::limit_exceeded);
  }
  return false;
}

bool ReadContext::book_memory(size_t bytes) {
  const auto limit = static_cast<size_t>(limits().unpacked_bytes);
  if (bytes > limit || booked_ > limit - bytes) {
    error("too-much-memory",
          fmt::format("unpacking tensors would take more than {} bytes: {} for this one after {} for those before it",
                      limit, bytes, booked_),
          "The knob onnx_max_unpacked_bytes sets this limit.", ErrorCode::limit_exceeded);
    return false;
  }
  booked_ += bytes;
  return true;
}

std::optional<ExternalBytes> ReadContext::external(const Metadata& where, uint64_t needed) {
  if (!options_.allow_external) {
    error("external-data", "external data is not allowed here");
    return std::nullopt;
  }
  try {
    return external_files_.find(where, needed, options_.load_external);
  } catch (const Error& fault) {
    error("external-data", fault.what(), {}, fault.code());
    return std::nullopt;
  }
}

}  // namespace kiln::onnx
