#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dict_vectorizer_versions[] = {
    {1, "X:T1 -> Y:T2",
     "int64_vocabulary:ints string_vocabulary:strings",
     "T1=map(string,i64),map(i64,string),map(i64,f32),map(i64,f64),map(string,f32),map(string,f64) T2=i64,f32,"
     "f64,string"},
};

}  // namespace

extern const OpDef dict_vectorizer_op{"ai.onnx.ml", "DictVectorizer", dict_vectorizer_versions};

}  // namespace kiln::ops
