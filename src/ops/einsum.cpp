#include <algorithm>
#include <functional>

#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/einsum_equation.hpp"
#include "ops/support/gemm.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText einsum_versions[] = {
    {12, "Inputs*:T -> Output:T", "equation!:string", "T=numeric"},
    {28, "Inputs*:T -> Output:T", "equation!:string", "T=numeric,bf16"},
};

/// The extent of each label, broadcast over the operands that have it.
template <class AnyShape>
AnyShape label_extents(const EinsumEquation& equation, const std::vector<AnyShape>& shapes) {
  AnyShape extents(static_cast<size_t>(equation.label_count), 1);
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (size_t axis = 0; axis < shapes[i].size(); ++axis) {
      auto& extent = extents[static_cast<size_t>(equation.inputs[i][axis])];
      extent = broadcast_shapes(AnyShape{extent}, AnyShape{shapes[i][axis]})[0];
    }
  }
  return extents;
}

void infer_einsum(InferContext& context) {
  context.set_output(0, context.dtype(0));
  std::vector<SymShape> shapes;
  std::vector<size_t> ranks;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.shape(i)) return;
    shapes.push_back(*context.shape(i));
    ranks.push_back(shapes.back().size());
  }
  const EinsumEquation equation(context.attr_string("equation"), ranks);
  const SymShape extents = label_extents(equation, shapes);
  SymShape output;
  for (const int label : equation.output) output.push_back(extents[static_cast<size_t>(label)]);
  context.set_output(0, context.dtype(0), output);
}

using Labels = std::vector<int>;

bool has(const Labels& labels, int label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

/// A term on its way: its elements, dense, one axis for each of its labels.
struct Term {
  Labels labels;
  Tensor tensor;
};

/// How to walk axes of a tensor: extents and steps in elements, the last axis innermost.
struct EinsumWalk {
  Shape extents;
  std::vector<int64_t> steps;

  int64_t size() const { return product(extents); }
  void add(int64_t extent, int64_t step) {
    extents.push_back(extent);
    steps.push_back(step);
  }
  /// Calls visit(offset) for elements [begin, end) of the walk.
  template <class Visit>
  void for_each(int64_t begin, int64_t end, Visit&& visit) const {
    if (begin >= end) return;
    std::vector<int64_t> index(extents.size());
    int64_t offset = 0, rest = begin;
    for (size_t axis = extents.size(); axis-- > 0;) {
      index[axis] = rest % extents[axis];
      rest /= extents[axis];
      offset += index[axis] * steps[axis];
    }
    for (int64_t i = begin; i < end; ++i, stop_point()) {
      visit(offset);
      for (size_t axis = extents.size(); axis-- > 0;) {
        offset += steps[axis];
        if (++index[axis] < extents[axis]) break;
        offset -= extents[axis] * steps[axis];
        index[axis] = 0;
      }
    }
  }
};

class Einsum {
 public:
  Einsum(EvalContext& context, EinsumEquation equation, Shape extents)
      : context_(context), equation_(std::move(equation)), extents_(std::move(extents)) {}

  /// S is the type to compute in; the last term's axes are the output's, without those of extent 1.
  template <class S>
  Tensor run(const std::function<Term(size_t)>& load) {
    Labels wanted;
    for (const int label : equation_.output) {
      if (extent(label) != 1) wanted.push_back(label);
    }
    const size_t count = equation_.inputs.size();
    Term result = load(0);
    for (size_t i = 1; i < count; ++i) result = contract<S>(result, load(i), kept_after(i, wanted));
    return gather<S>(result, wanted, false).tensor;
  }

  /// An operand as a term: diagonals taken, axes that broadcast left out.
  template <class From, class S>
  Term load(const Tensor& tensor, const Labels& labels) {
    const std::vector<int64_t> steps = row_major_strides(tensor.shape());
    Term term;
    EinsumWalk walk;
    for (size_t axis = 0; axis < labels.size(); ++axis) {
      if (tensor.shape()[axis] == 1) continue;
      const auto same = std::find(term.labels.begin(), term.labels.end(), labels[axis]);
      if (same != term.labels.end()) {
        walk.steps[static_cast<size_t>(same - term.labels.begin())] += steps[axis];
        continue;
      }
      term.labels.push_back(labels[axis]);
      walk.add(tensor.shape()[axis], steps[axis]);
    }
    term.tensor = context_.host().allocate(dtype_of<S>, walk.extents);
    const From* from = tensor.data<From>();
    S* to = term.tensor.mutable_data<S>();
    context_.parallel_for(term.tensor.size(), 32768, [&](int64_t begin, int64_t end) {
      S* out = to + begin;
      walk.for_each(begin, end, [&](int64_t offset) { *out++ = static_cast<S>(from[offset]); });
    });
    return term;
  }

 private:
  int64_t extent(int label) const { return extents_[static_cast<size_t>(label)]; }

  /// Labels that the output or an operand after the i-th needs.
  Labels kept_after(size_t i, const Labels& wanted) const {
    Labels kept = wanted;
    for (size_t k = i + 1; k < equation_.inputs.size(); ++k) {
      kept.insert(kept.end(), equation_.inputs[k].begin(), equation_.inputs[k].end());
    }
    return kept;
  }

  /// The term with its axes in the order of `labels`; the others are summed over.
  template <class S>
  Term gather(const Term& term, const Labels& labels, bool may_share) {
    if (may_share && term.labels == labels) return term;
    const std::vector<int64_t> steps = row_major_strides(term.tensor.shape());
    const auto step_of = [&](int label) {
      return steps[static_cast<size_t>(std::find(term.labels.begin(), term.labels.end(), label) - term.labels.begin())];
    };
    EinsumWalk outer, inner;
    for (const int label : labels) {
      // A wanted axis that the term has lost was of extent 1 in it: it repeats.
      outer.add(extent(label), has(term.labels, label) ? step_of(label) : 0);
    }
    for (const int label : term.labels) {
      if (!has(labels, label)) inner.add(extent(label), step_of(label));
    }
    Term result{labels, context_.host().allocate(dtype_of<S>, outer.extents)};
    const S* from = term.tensor.data<S>();
    S* to = result.tensor.mutable_data<S>();
    const int64_t terms = inner.size();
    context_.parallel_for(result.tensor.size(), 32768 / (terms + 1) + 1, [&](int64_t begin, int64_t end) {
      S* out = to + begin;
      outer.for_each(begin, end, [&](int64_t offset) {
        S sum{};
        inner.for_each(0, terms, [&](int64_t more) { sum += from[offset + more]; });
        *out++ = sum;
      });
    });
    return result;
  }

  Shape shape_of(const Labels& labels) const {
    Shape shape;
    for (const int label : labels) shape.push_back(extent(label));
    return shape;
  }
  int64_t size_of(const Labels& labels) const { return element_count(shape_of(labels)); }

  /// The product of two terms, summed over the labels that are not kept: a batch of matrix products.
  template <class S>
  Term contract(const Term& a, const Term& b, const Labels& kept) {
    Labels batch, rows, columns, depth;
    for (const int label : a.labels) {
      if (has(b.labels, label)) {
        (has(kept, label) ? batch : depth).push_back(label);
      } else if (has(kept, label)) {
        rows.push_back(label);
      }
    }
    for (const int label : b.labels) {
      if (!has(a.labels, label) && has(kept, label)) columns.push_back(label);
    }
    const auto join = [](Labels first, const Labels& second, const Labels& third) {
      first.insert(first.end(), second.begin(), second.end());
      first.insert(first.end(), third.begin(), third.end());
      return first;
    };
    const Term left = gather<S>(a, join(batch, rows, depth), true),
               right = gather<S>(b, join(batch, depth, columns), true);
    Term result{join(batch, rows, columns), {}};
    result.tensor = context_.host().allocate(dtype_of<S>, shape_of(result.labels));
    const GemmShape shape{size_of(batch), size_of(rows), size_of(columns), size_of(depth)};
    const S *x = left.tensor.data<S>(), *y = right.tensor.data<S>();
    gemm<S>(
        context_, shape,
        [&](int64_t i, int64_t row, int64_t begin, int64_t count, S* to) {
          copy_run(x + (i * shape.m + row) * shape.k + begin, 1, count, to);
        },
        [&](int64_t i, int64_t row, int64_t begin, int64_t count, S* to) {
          copy_run(y + (i * shape.k + row) * shape.n + begin, 1, count, to);
        },
        result.tensor.mutable_data<S>());
    return result;
  }

  EvalContext& context_;
  EinsumEquation equation_;
  Shape extents_;
};

void eval_einsum(EvalContext& context) {
  std::vector<Shape> shapes;
  std::vector<size_t> ranks;
  for (size_t i = 0; i < context.input_count(); ++i) {
    shapes.push_back(context.input(i).shape());
    ranks.push_back(shapes.back().size());
  }
  const EinsumEquation equation(context.attr_string("equation"), ranks);
  const Shape extents = label_extents(equation, shapes);
  Shape output;
  for (const int label : equation.output) output.push_back(extents[static_cast<size_t>(label)]);
  const DType type = context.input(0).dtype();
  Tensor& y = context.output(0, type, output);
  Einsum einsum(context, equation, extents);
  dispatch(NumericTypes{}, type, [&]<class T> {
    using S = GemmType<T>;
    const Tensor result =
        einsum.run<S>([&](size_t i) { return einsum.load<T, S>(context.input(i), equation.inputs[i]); });
    in_pieces(y.size(), [&](int64_t begin, int64_t end) {
      copy_run(result.data<S>() + begin, 1, end - begin, y.mutable_data<T>() + begin);
    });
  });
}

}  // namespace

extern const OpDef einsum_op{"", "Einsum", einsum_versions, infer_einsum, eval_einsum};

}  // namespace kiln::ops
