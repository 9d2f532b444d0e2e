#include <map>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/ml/scores.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText zip_map_versions[] = {
    {1, "X:f32 -> Z:T", "classlabels_int64s:ints classlabels_strings:strings",
     "T=seq(map(string,f32)),seq(map(i64,f32))"},
};

void infer_zip_map(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (shape && shape->size() != 1 && shape->size() != 2) {
    fail(ErrorCode::invalid_argument, "the input must have 1 or 2 axes, found shape {}", to_string(*shape));
  }
  const ClassLabels labels(c, "classlabels_strings", "classlabels_int64s");
  c.set_output(0, Type::sequence(Type::map(labels.dtype(), Type::tensor(DType::f32, SymShape{}))));
}

/// The keys in ascending order, as a tensor, and the column that each one's value stands in. Of columns with the same
/// key the last one counts.
template <class Key>
std::pair<Tensor, std::vector<int64_t>> sort_keys(std::span<const Key> keys) {
  std::map<Key, int64_t> columns;
  for (size_t i = 0; i < keys.size(); ++i) columns[keys[i]] = static_cast<int64_t>(i);
  Tensor sorted(dtype_of<Key>, {static_cast<int64_t>(columns.size())});
  Key* to = sorted.mutable_data<Key>();
  std::vector<int64_t> order;
  for (const auto& [key, column] : columns) {
    *to++ = key;
    order.push_back(column);
  }
  return {sorted, order};
}

void eval_zip_map(EvalContext& c) {
  const auto strings = c.attr_strings("classlabels_strings");
  const auto ints = c.attr_ints("classlabels_int64s");
  if (strings.empty() == ints.empty()) {
    fail(ErrorCode::invalid_model, "exactly one of classlabels_strings and classlabels_int64s must be given");
  }
  const Rows<float> rows = read_rows<float>(c.input(0));
  const size_t labels = strings.size() + ints.size();
  if (rows.features != static_cast<int64_t>(labels)) {
    fail(ErrorCode::invalid_argument, "the input has {} columns for {} class labels", rows.features, labels);
  }
  const auto [keys, columns] = strings.empty() ? sort_keys<int64_t>(ints) : sort_keys<std::string>(strings);
  Sequence sequence;
  for (int64_t i = 0; i < rows.count; ++i) {
    Tensor values(DType::f32, keys.shape());
    float* to = values.mutable_data<float>();
    for (int64_t column : columns) *to++ = rows.row(i)[column];
    sequence.items.emplace_back(Map{keys, values});
  }
  c.set_output(0, std::move(sequence));
}

}  // namespace

extern const OpDef zip_map_op{"ai.onnx.ml", "ZipMap", zip_map_versions, infer_zip_map, eval_zip_map};

}  // namespace kiln::ops
