#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/external_data.hpp"
#include "formats/onnx/reader.hpp"
#include "formats/onnx/wire.hpp"

namespace kiln::onnx {

/// What a message stands for, so that a finding can say where it is.
enum class Part : uint8_t { model, graph, node, attribute, tensor, value, function, training, type, plain };

/// Thrown inside the reader when there are so many faults that no one would read on.
struct TooManyFaults {};

/// What all readers of one file share: limits, findings and the place reached.
class ReadContext {
 public:
  ReadContext(std::string_view file, std::shared_ptr<const void> keeper, const ReadOptions& options,
              Diagnostics& diagnostics);

  const ReadLimits& limits() const { return options_.limits; }
  bool strict() const { return options_.strict; }
  const std::shared_ptr<const void>& keeper() const { return keeper_; }

  void error(std::string rule, std::string message, std::string help = {}, ErrorCode code = ErrorCode::invalid_model);
  void warning(std::string rule, std::string message, std::string help = {});

  /// Runs `body` on a nested message. Where its bytes turn out to be malformed, that is reported, the rest of this
  /// message is given up, and false is returned. `index` numbers the nodes of a graph.
  template <class Body>
  bool message(Part part, std::string_view bytes, Body&& body, size_t index = 0) {
    const Frame frame(*this, part, bytes, index);
    try {
      body(bytes);
      return true;
    } catch (const WireError& fault) {
      malformed(fault);
      return false;
    }
  }
  /// Counts a level of nesting while it lives; false where the limit is reached, which is then reported.
  class Level {
   public:
    explicit Level(ReadContext& context);
    ~Level() { --context_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    explicit operator bool() const { return fits_; }

   private:
    ReadContext& context_;
    bool fits_;
  };

  /// A text field: UTF-8, and no longer than the limit. `what` names it in findings.
  std::string text(WireReader& in, std::string_view what);
  /// Bytes of an attribute or a string tensor, which need not be UTF-8.
  std::string bytes(std::string_view raw, std::string_view what);
  std::pair<std::string, std::string> entry(WireReader& in);

  /// False, and reported once, when the model has more nodes than the limit.
  bool count_node();
  /// Books memory for a tensor that is not borrowed; false, and reported, beyond the limits.
  bool book_memory(size_t bytes);

  /// Bytes outside the file; nothing, with the fault reported, where they are not to be had.
  std::optional<ExternalBytes> external(const Metadata& where, uint64_t needed);

 private:
  class Frame {
   public:
    Frame(ReadContext& context, Part part, std::string_view bytes, size_t index) : context_(context) {
      context_.places_.push_back({part, bytes, index});
    }
    ~Frame() { context_.places_.pop_back(); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    ReadContext& context_;
  };
  struct Place {
    Part part;
    std::string_view bytes;
    size_t index;
  };
  std::string place() const;
  void malformed(const WireError& fault);

  std::string_view file_;
  std::shared_ptr<const void> keeper_;
  const ReadOptions& options_;
  Diagnostics& diagnostics_;
  ExternalFiles external_files_;
  std::vector<Place> places_;
  int64_t depth_ = 0;
  int64_t nodes_ = 0;
  size_t booked_ = 0;
  size_t faults_ = 0;
};

}  // namespace kiln::onnx
