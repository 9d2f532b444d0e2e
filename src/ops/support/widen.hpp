#pragma once

#include <vector>

#include "tensor/dispatch.hpp"

namespace kiln::ops {

/// The elements of a tensor as `Compute` (float or double): its own where the types agree, else a converted copy.
template <class Compute, class List = FloatTypes>
class Widened {
 public:
  Widened() = default;
  explicit Widened(const Tensor& tensor) {
    if (tensor.dtype() == dtype_of<Compute>) {
      data_ = tensor.data<Compute>();
      return;
    }
    copy_.resize(static_cast<size_t>(tensor.size()));
    dispatch(List{}, tensor.dtype(), [&]<class T> {
      const T* from = tensor.data<T>();
      for (size_t i = 0; i < copy_.size(); ++i) copy_[i] = static_cast<Compute>(from[i]);
    });
    data_ = copy_.data();
  }
  Widened(Widened&&) = default;
  Widened& operator=(Widened&&) = default;

  const Compute* data() const { return data_; }
  Compute operator[](int64_t index) const { return data_[index]; }

 private:
  std::vector<Compute> copy_;
  const Compute* data_ = nullptr;
};

/// Writes `count` numbers to elements [offset, offset + count) of a tensor of any float type, each rounded once.
template <class Compute>
void narrow_into(const Compute* from, int64_t count, Tensor& to, int64_t offset = 0) {
  dispatch(FloatTypes{}, to.dtype(), [&]<class T> {
    T* out = to.mutable_data<T>() + offset;
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(from[i]);
  });
}

/// Rounds each number to what a float type can hold.
template <class Compute>
void round_through(DType dtype, Compute* numbers, int64_t count) {
  if (dtype == dtype_of<Compute>) return;
  dispatch(FloatTypes{}, dtype, [&]<class T> {
    for (int64_t i = 0; i < count; ++i) numbers[i] = static_cast<Compute>(static_cast<T>(numbers[i]));
  });
}

template <class Compute>
Compute round_through(DType dtype, Compute number) {
  round_through(dtype, &number, 1);
  return number;
}

}  // namespace kiln::ops
