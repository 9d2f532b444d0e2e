#include <map>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dict_vectorizer_versions[] = {
    {1, "X:T1 -> Y:T2", "int64_vocabulary:ints string_vocabulary:strings",
     "T1=map(string,i64),map(i64,string),map(i64,f32),map(i64,f64),map(string,f32),map(string,f64) T2=i64,f32,"
     "f64,string"},
};

size_t vocabulary_size(const NodeView& node) {
  const size_t strings = node.attr_strings("string_vocabulary").size();
  const size_t ints = node.attr_ints("int64_vocabulary").size();
  if ((strings == 0) == (ints == 0)) {
    fail(ErrorCode::invalid_model, "exactly one of string_vocabulary and int64_vocabulary must be given");
  }
  return strings + ints;
}

void infer_dict_vectorizer(InferContext& c) {
  const Type& map = c.type(0);
  const DType dtype = map.kind == Type::Kind::map && map.inner ? map.inner->dtype : DType::undefined;
  if (dtype != DType::undefined) c.set_output(0, dtype, SymShape{1, static_cast<int64_t>(vocabulary_size(c))});
}

template <class Key>
void vectorize(EvalContext& c, const Map& map, std::span<const Key> vocabulary) {
  if (map.keys.dtype() != dtype_of<Key>) {
    fail(ErrorCode::invalid_argument, "the keys of the map are of type {}, those of the vocabulary {}",
         dtype_name(map.keys.dtype()), dtype_name(dtype_of<Key>));
  }
  std::map<Key, int64_t> places;
  const auto keys = map.keys.elements<Key>();
  for (size_t i = 0; i < keys.size(); ++i) places[keys[i]] = static_cast<int64_t>(i);
  Tensor& output = c.output(0, map.values.dtype(), {1, static_cast<int64_t>(vocabulary.size())});
  dispatch_by_size(map.values.dtype(), [&]<class T>() {
    const T* from = static_cast<const T*>(map.values.raw());
    T* to = static_cast<T*>(output.mutable_raw());
    for (size_t i = 0; i < vocabulary.size(); ++i) {
      const auto found = places.find(vocabulary[i]);
      to[i] = found == places.end() ? T() : from[found->second];
    }
  });
}

void eval_dict_vectorizer(EvalContext& c) {
  const Map& map = c.value(0).map();
  if (map.keys.size() != map.values.size()) {
    fail(ErrorCode::invalid_argument, "the map has {} keys and {} values", map.keys.size(), map.values.size());
  }
  vocabulary_size(c);
  const auto strings = c.attr_strings("string_vocabulary");
  if (!strings.empty()) return vectorize<std::string>(c, map, strings);
  vectorize<int64_t>(c, map, c.attr_ints("int64_vocabulary"));
}

}  // namespace

extern const OpDef dict_vectorizer_op{"ai.onnx.ml", "DictVectorizer", dict_vectorizer_versions, infer_dict_vectorizer,
                                      eval_dict_vectorizer};

}  // namespace kiln::ops
