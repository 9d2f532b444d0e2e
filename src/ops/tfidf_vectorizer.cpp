#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tfidf_vectorizer_versions[] = {
    {9, "X:T -> Y:T1",
     "max_gram_length!:int max_skip_count!:int min_gram_length!:int mode!:string ngram_counts!:ints "
     "ngram_indexes!:ints pool_int64s:ints pool_strings:strings weights:floats",
     "T=string,i32,i64 T1=f32"},
};

}  // namespace

extern const OpDef tfidf_vectorizer_op{"", "TfIdfVectorizer", tfidf_vectorizer_versions};

}  // namespace kiln::ops
