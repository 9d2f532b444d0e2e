#include "ops/custom.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "ops/context.hpp"

namespace kiln {
namespace {

constexpr std::string_view any_signature = "inputs~0:T -> outputs~:T";

/// Every type that a value of a model can have and that a schema's text can say.
std::string any_types() {
  constexpr std::string_view all = "basic,bf16,float8,i4,u4,f4e2m1,f8e8m0,i2,u2";
  return "T=" + std::string(all) + ",seq(basic)";
}

/// An OpDef has functions without state; these find theirs behind the operator that their context names.
struct Entry : OpDef {
  explicit Entry(CustomOpDef definition) : custom(std::move(definition)) {
    if (custom.signature.empty()) {
      custom.signature = any_signature;
      custom.types = any_types();
    }
    text = {custom.since, custom.signature, custom.attributes, custom.types};
    domain = custom.domain;
    name = custom.name;
    versions = {&text, 1};
    random = true;  // Its results are its own affair: it runs in every run.
    eval = [](EvalContext& context) { of(context).custom.eval(context); };
    infer = [](InferContext& context) {
      if (of(context).custom.infer) of(context).custom.infer(context);
    };
    try {
      schemas.push_back(read_schema(*this, text));
    } catch (const Error& error) {
      throw Error(ErrorCode::invalid_argument, error.what());
    }
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() = default;

  static const Entry& of(const NodeView& node) { return static_cast<const Entry&>(*node.schema().op); }

  CustomOpDef custom;
  SchemaText text;
  std::vector<Schema> schemas;
};

struct Registry {
  std::mutex mutex;
  std::deque<Entry> entries;  ///< also those that others have replaced: a loaded model may use them
  std::map<std::pair<std::string, std::string>, const Entry*> newest;
  std::set<const OpDef*> all;
};

/// Never destroyed: what the functions hold may belong to a language whose runtime ends first.
Registry& registry() {
  static Registry& made = *new Registry;
  return made;
}

const Entry* find_entry(std::string_view domain, std::string_view name) {
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  const auto found = known.newest.find({std::string(domain), std::string(name)});
  return found == known.newest.end() ? nullptr : found->second;
}

}  // namespace

void register_custom_op(CustomOpDef op) {
  const std::string title = op.domain + "." + op.name;
  if (op.name.empty()) fail(ErrorCode::invalid_argument, "a custom operator needs a name");
  if (op.since < 1)
    fail(ErrorCode::invalid_argument, "operator '{}': its version is {}, expected 1 or more", title, op.since);
  if (!op.eval) fail(ErrorCode::invalid_argument, "operator '{}' has no function to run", title);
  if (known_opsets().contains(canonical_domain(op.domain))) {
    fail(ErrorCode::invalid_argument, "operator '{}': domain '{}' is ONNX's own; a custom operator needs another one",
         op.name, op.domain.empty() ? "ai.onnx" : op.domain);
  }
  Registry& known = registry();
  with_place(
      [&] {
        const std::scoped_lock lock(known.mutex);
        const Entry& entry = known.entries.emplace_back(std::move(op));
        known.newest[{entry.custom.domain, entry.custom.name}] = &entry;
        known.all.insert(&entry);
      },
      [&] { return "operator '" + title + "'"; });
}

const OpDef* find_custom_op(std::string_view domain, std::string_view name) { return find_entry(domain, name); }

std::span<const Schema> custom_schemas(std::string_view domain, std::string_view name) {
  const Entry* const entry = find_entry(domain, name);
  return entry ? std::span<const Schema>(entry->schemas) : std::span<const Schema>();
}

bool is_custom(const OpDef& op) {
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  return known.all.contains(&op);
}

bool has_custom_domain(std::string_view domain) {
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  const auto found = known.newest.lower_bound({std::string(domain), std::string()});
  return found != known.newest.end() && found->first.first == domain;
}

}  // namespace kiln
