#include "runtime/buffer_pool.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/large_memory.hpp"

namespace kiln {
namespace {

constexpr size_t buffer_alignment = 64;
/// Smaller tensors are cheaper to allocate than to look for.
constexpr size_t smallest_pooled = 4096;

}  // namespace

struct BufferPool::Store {
  std::mutex mutex;
  std::multimap<size_t, void*> free;  ///< by capacity
  size_t kept = 0;
  size_t used = 0;
  size_t peak = 0;  ///< of used, since the last settle()

  ~Store() { clear(); }

  void clear() {
    for (const auto& [capacity, memory] : free) free_large(memory, capacity);
    free.clear();
    kept = 0;
  }

  /// The smallest free block that fits without wasting more than half of it; null when there is none.
  std::pair<void*, size_t> take(size_t bytes) {
    const std::scoped_lock lock(mutex);
    const auto found = free.lower_bound(bytes);
    if (found == free.end() || found->first > 2 * bytes) return {nullptr, 0};
    const auto [capacity, memory] = *found;
    free.erase(found);
    kept -= capacity;
    add_used(capacity);
    return {memory, capacity};
  }

  void add_used(size_t capacity) {
    used += capacity;
    peak = std::max(peak, used);
  }

  void give(void* memory, size_t capacity) {
    const std::scoped_lock lock(mutex);
    used -= capacity;
    free.emplace(capacity, memory);
    kept += capacity;
  }
};

BufferPool::BufferPool() : store_(std::make_shared<Store>()) {}

Tensor BufferPool::allocate(DType dtype, Shape shape) {
  const int64_t count = element_count(shape);
  size_t bytes = 0;
  const bool overflow = __builtin_mul_overflow(static_cast<size_t>(count), dtype_size(dtype), &bytes);
  if (overflow || dtype == DType::string || bytes < smallest_pooled) return {dtype, std::move(shape)};
  auto [memory, capacity] = store_->take(bytes);
  if (!memory) {
    if (bytes > SIZE_MAX / 2) fail(ErrorCode::limit_exceeded, "a tensor of {} bytes is larger than any memory", bytes);
    capacity = (bytes / buffer_alignment + 2) * buffer_alignment;  // vector code may read past the last element
    memory = allocate_large(capacity);
    if (!memory) {
      trim();
      memory = allocate_large(capacity);
    }
    if (!memory) {
      fail(ErrorCode::out_of_memory, "cannot allocate {} bytes for a tensor of {} {}", capacity, dtype_name(dtype),
           to_string(shape));
    }
    const std::scoped_lock lock(store_->mutex);
    store_->add_used(capacity);
  }
  const std::weak_ptr<Store> home = store_;
  std::shared_ptr<const void> owner(memory, [home, capacity = capacity](const void* block) {
    void* released = const_cast<void*>(block);
    if (const auto store = home.lock()) {
      store->give(released, capacity);
    } else {
      free_large(released, capacity);
    }
  });
  return Tensor::borrow(dtype, std::move(shape), memory, bytes, std::move(owner));
}

void BufferPool::settle() {
  const std::scoped_lock lock(store_->mutex);
  while (store_->kept > store_->peak && !store_->free.empty()) {
    const auto smallest = store_->free.begin();
    store_->kept -= smallest->first;
    free_large(smallest->second, smallest->first);
    store_->free.erase(smallest);
  }
  store_->peak = store_->used;
}

void BufferPool::trim() {
  const std::scoped_lock lock(store_->mutex);
  store_->clear();
}

size_t BufferPool::bytes_kept() const {
  const std::scoped_lock lock(store_->mutex);
  return store_->kept;
}

size_t BufferPool::bytes_used() const {
  const std::scoped_lock lock(store_->mutex);
  return store_->used;
}

}  // namespace kiln
