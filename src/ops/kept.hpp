#pragma once

#include <memory>
#include <mutex>
#include <typeinfo>
#include <utility>

namespace kiln {

/// What an operator works out from its node's attributes, at the node's first run, for all later ones of all threads.
class Kept {
 public:
  template <class T, class Make>
  std::shared_ptr<const T> get(Make&& make) {
    const std::scoped_lock lock(mutex_);
    if (!content_ || *type_ != typeid(T)) {
      content_ = std::shared_ptr<const T>(std::forward<Make>(make)());
      type_ = &typeid(T);
    }
    return std::static_pointer_cast<const T>(content_);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const void> content_;
  const std::type_info* type_ = nullptr;
};

}  // namespace kiln
