#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tfidf_vectorizer_versions[] = {
    {9, "X:T -> Y:T1",
     "max_gram_length!:int max_skip_count!:int min_gram_length!:int mode!:string ngram_counts!:ints "
     "ngram_indexes!:ints pool_int64s:ints pool_strings:strings weights:floats",
     "T=string,i32,i64 T1=f32"},
};

enum class Weighting { tf, idf, tfidf };

Weighting weighting_of(const NodeView& node) {
  const std::string& mode = node.attr_string("mode");
  if (mode == "TF") return Weighting::tf;
  if (mode == "IDF") return Weighting::idf;
  if (mode == "TFIDF") return Weighting::tfidf;
  fail(ErrorCode::invalid_argument, "attribute 'mode' is '{}', expected TF, IDF or TFIDF", mode);
}

/// The length of a row of counts: one place for each index that a gram may have.
int64_t row_length(const NodeView& node) {
  const auto indexes = node.attr_ints("ngram_indexes");
  const bool valid = !indexes.empty() && *std::min_element(indexes.begin(), indexes.end()) >= 0;
  if (!valid) fail(ErrorCode::invalid_argument, "attribute 'ngram_indexes' must be a list of numbers of 0 or more");
  return *std::max_element(indexes.begin(), indexes.end()) + 1;
}

[[noreturn]] void fail_rank(size_t rank) {
  fail(ErrorCode::invalid_argument, "the input must have rank 1 or 2, found {}", rank);
}

void infer_tfidf_vectorizer(InferContext& c) {
  weighting_of(c);
  const Dim length = row_length(c);
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, DType::f32);
  if (shape->size() != 1 && shape->size() != 2) fail_rank(shape->size());
  c.set_output(0, DType::f32, shape->size() == 1 ? SymShape{length} : SymShape{shape->front(), length});
}

/// Which gram a run of items is: a tree of items, in which a node may end a gram. Node 0 is the root.
template <class Item>
class Grams {
 public:
  void add(std::span<const Item> items, int64_t gram) {
    size_t node = 0;
    for (const Item& item : items) {
      const auto [place, is_new] = next_[node].try_emplace(item, next_.size());
      node = place->second;
      if (is_new) {
        next_.emplace_back();
        gram_.push_back(-1);
      }
    }
    gram_[node] = gram;
  }

  std::optional<size_t> follow(size_t node, const Item& item) const {
    const auto place = next_[node].find(item);
    if (place == next_[node].end()) return {};
    return place->second;
  }
  int64_t gram_at(size_t node) const { return gram_[node]; }  ///< -1 where none ends

 private:
  std::vector<std::map<Item, size_t>> next_{1};
  std::vector<int64_t> gram_{-1};
};

struct Limits {
  int64_t shortest, longest, skips;
  explicit Limits(const NodeView& node)
      : shortest(node.attr_int("min_gram_length")),
        longest(node.attr_int("max_gram_length")),
        skips(node.attr_int("max_skip_count")) {
    if (shortest < 1 || longest < shortest || skips < 0) {
      fail(ErrorCode::invalid_argument,
           "min_gram_length {}, max_gram_length {} and max_skip_count {} should be at least 1, the first and 0",
           shortest, longest, skips);
    }
  }
};

/// `ngram_counts` says where in the pool the grams of 1, 2, 3, ... items begin.
template <class Item>
Grams<Item> read_pool(const NodeView& node, std::span<const Item> pool, const Limits& limits) {
  const auto starts = node.attr_ints("ngram_counts");
  Grams<Item> grams;
  int64_t gram = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto size = static_cast<int64_t>(i) + 1;
    const int64_t begin = starts[i];
    const int64_t end = i + 1 < starts.size() ? starts[i + 1] : static_cast<int64_t>(pool.size());
    if (begin < 0 || begin > end || end > static_cast<int64_t>(pool.size()) || (end - begin) % size != 0) {
      fail(ErrorCode::invalid_argument, "grams of {} items cannot fill places {} to {} of a pool of {}", size, begin,
           end, pool.size());
    }
    for (int64_t at = begin; at < end; at += size, ++gram) {
      if (size < limits.shortest || size > limits.longest) continue;
      grams.add(pool.subspan(static_cast<size_t>(at), static_cast<size_t>(size)), gram);
    }
  }
  if (const size_t places = node.attr_ints("ngram_indexes").size(); places < static_cast<size_t>(gram)) {
    fail(ErrorCode::invalid_argument, "the pool has {} grams, but there are {} ngram_indexes", gram, places);
  }
  return grams;
}

/// Calls found(gram) for each gram in a row, its items side by side or up to `skips` items apart.
template <class Item, class Found>
void for_grams(const Grams<Item>& grams, std::span<const Item> row, const Limits& limits, Found&& found) {
  const auto count = static_cast<int64_t>(row.size());
  int64_t shortest = limits.shortest;
  for (int64_t step = 1; step <= std::min(limits.skips + 1, count); ++step) {
    for (int64_t start = 0; start < count && (count - 1 - start) / step >= shortest - 1; ++start, stop_point()) {
      size_t node = 0;
      int64_t at = start;
      for (int64_t size = 1; size <= limits.longest && at < count; ++size, at += step) {
        const auto next = grams.follow(node, row[static_cast<size_t>(at)]);
        if (!next) break;
        node = *next;
        if (size >= shortest && grams.gram_at(node) >= 0) found(static_cast<size_t>(grams.gram_at(node)));
      }
    }
    // Skipping changes nothing for grams of one item: they are counted once.
    if (shortest == 1 && ++shortest > limits.longest) break;
  }
}

template <class Item>
void count_grams(EvalContext& c, std::span<const Item> pool, std::span<const Item> items, int64_t rows,
                 Tensor& output) {
  const Limits limits(c);
  const Grams<Item> grams = read_pool(c, pool, limits);
  const auto indexes = c.attr_ints("ngram_indexes");
  const int64_t length = row_length(c);
  const size_t row_items = rows ? items.size() / static_cast<size_t>(rows) : 0;
  std::fill_n(output.mutable_data<float>(), output.size(), 0.0f);
  for (int64_t row = 0; row < rows; ++row) {
    float* counts = output.mutable_data<float>() + row * length;
    for_grams(grams, items.subspan(static_cast<size_t>(row) * row_items, row_items), limits,
              [&](size_t gram) { counts[indexes[gram]] += 1.0f; });
  }
}

/// A weight belongs to a place of the output. (The text of the standard ties it to a gram, but onnx's own evaluator and
/// ONNX Runtime, against which models are made, read it by place.)
void weigh(const NodeView& node, int64_t length, Tensor& output) {
  const Weighting mode = weighting_of(node);
  if (mode == Weighting::tf) return;
  const auto weights = node.attr_floats("weights");
  if (!weights.empty() && static_cast<int64_t>(weights.size()) < length) {
    fail(ErrorCode::invalid_argument, "{} weights given for {} places of the output", weights.size(), length);
  }
  float* to = output.mutable_data<float>();
  for (int64_t i = 0; i < output.size(); ++i) {
    const float weight = weights.empty() ? 1.0f : weights[static_cast<size_t>(i % length)];
    const float count = mode == Weighting::idf ? std::min(to[i], 1.0f) : to[i];
    to[i] = count * weight;
  }
}

void eval_tfidf_vectorizer(EvalContext& c) {
  const Tensor& input = c.input(0);
  if (input.rank() != 1 && input.rank() != 2) fail_rank(input.shape().size());
  const int64_t length = row_length(c);
  const int64_t rows = input.rank() == 2 ? input.dim(0) : 1;
  Tensor& output = c.output(0, DType::f32, input.rank() == 2 ? Shape{rows, length} : Shape{length});
  const auto numbers = c.attr_ints("pool_int64s");
  const auto strings = c.attr_strings("pool_strings");
  if (input.dtype() == DType::string) {
    if (strings.empty()) fail(ErrorCode::invalid_argument, "strings are given, but pool_strings is empty");
    count_grams<std::string>(c, strings, input.elements<std::string>(), rows, output);
    return weigh(c, length, output);
  }
  if (numbers.empty()) fail(ErrorCode::invalid_argument, "integers are given, but pool_int64s is empty");
  dispatch(Types<int32_t, int64_t>{}, input.dtype(), [&]<class T> {
    const std::vector<int64_t> items(input.elements<T>().begin(), input.elements<T>().end());
    count_grams<int64_t>(c, numbers, items, rows, output);
  });
  weigh(c, length, output);
}

}  // namespace

extern const OpDef tfidf_vectorizer_op{"", "TfIdfVectorizer", tfidf_vectorizer_versions, infer_tfidf_vectorizer,
                                       eval_tfidf_vectorizer};

}  // namespace kiln::ops
