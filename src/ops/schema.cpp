#include "ops/schema.hpp"

#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/error.hpp"
#include "ops/custom.hpp"

namespace kiln {
namespace {

/// Reads the texts of SchemaText. Most are part of the program, so a fault in them is an internal error; register_op()
/// makes it one of the caller's where they came from a plugin.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  bool at_end() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
    return position_ == text_.size();
  }
  bool take(std::string_view token) {
    if (text_.substr(position_, token.size()) != token) return false;
    position_ += token.size();
    return true;
  }
  std::string_view until_any(std::string_view stops) {
    const size_t begin = position_;
    while (position_ < text_.size() && stops.find(text_[position_]) == std::string_view::npos) ++position_;
    return text_.substr(begin, position_ - begin);
  }
  /// A word up to a blank, a comma or a bracket, or anything between single quotes.
  std::string value() {
    if (take("'")) {
      std::string text(until_any("'"));
      take("'");
      return text;
    }
    return std::string(until_any(" ,]"));
  }
  template <class T>
  T number(std::string_view text) const {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) fault();
    return number;
  }
  [[noreturn]] void fault() const { fail(ErrorCode::internal, "cannot read the schema text '{}'", text_); }

 private:
  std::string_view text_;
  size_t position_ = 0;
};

std::string plain_type(std::string_view name) {
  const DType dtype = dtype_from_name(name);
  if (dtype == DType::undefined) fail(ErrorCode::internal, "a schema names an unknown type '{}'", name);
  return "tensor(" + std::string(dtype_onnx_name(dtype)) + ")";
}

/// f32 -> tensor(float); seq(map(string,f32)) -> seq(map(string,tensor(float)))
std::string full_type(std::string_view text) {
  for (std::string_view wrapper : {"seq(", "optional("}) {
    if (text.starts_with(wrapper)) {
      return std::string(wrapper) + full_type(text.substr(wrapper.size(), text.size() - wrapper.size() - 1)) + ")";
    }
  }
  if (text.starts_with("map(")) {
    const size_t comma = text.find(',');
    const std::string_view key = text.substr(4, comma - 4);
    const DType dtype = dtype_from_name(key);
    if (dtype == DType::undefined) fail(ErrorCode::internal, "a schema names an unknown type '{}'", key);
    return "map(" + std::string(dtype_onnx_name(dtype)) + "," +
           full_type(text.substr(comma + 1, text.size() - comma - 2)) + ")";
  }
  return plain_type(text);
}

const std::map<std::string_view, std::vector<std::string_view>>& type_sets() {
  static const std::map<std::string_view, std::vector<std::string_view>> sets{
      {"real", {"f16", "f32", "f64"}},
      {"int", {"i8", "i16", "i32", "i64"}},
      {"uint", {"u8", "u16", "u32", "u64"}},
      {"numeric", {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64"}},
      {"basic",
       {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64", "string", "bool", "c64", "c128"}},
      {"float8", {"f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz"}},
  };
  return sets;
}

/// The pieces between the commas that are not inside brackets.
std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return pieces;
}

void expand_types(std::string_view text, const std::string& before, const std::string& after,
                  std::vector<std::string>& out) {
  for (std::string_view piece : split_list(text)) {
    const auto inside = [&](std::string_view wrapper) {
      return piece.substr(wrapper.size(), piece.size() - wrapper.size() - 1);
    };
    if (piece.starts_with("seq(map(") || piece.starts_with("map(")) {
      out.push_back(before + full_type(piece) + after);
    } else if (piece.starts_with("seq(")) {
      expand_types(inside("seq("), before + "seq(", ")" + after, out);
    } else if (piece.starts_with("optional_seq(")) {
      expand_types(inside("optional_seq("), before + "optional(seq(", "))" + after, out);
    } else if (piece.starts_with("optional(")) {
      expand_types(inside("optional("), before + "optional(", ")" + after, out);
    } else if (const auto set = type_sets().find(piece); set != type_sets().end()) {
      for (std::string_view member : set->second) out.push_back(before + plain_type(member) + after);
    } else {
      out.push_back(before + plain_type(piece) + after);
    }
  }
}

std::vector<TypeConstraint> read_constraints(std::string_view text) {
  std::vector<TypeConstraint> constraints;
  for (TextReader reader(text); !reader.at_end();) {
    TypeConstraint constraint{std::string(reader.until_any("=")), {}};
    if (!reader.take("=")) reader.fault();
    expand_types(reader.until_any(" "), "", "", constraint.types);
    constraints.push_back(std::move(constraint));
  }
  return constraints;
}

FormalParameter read_parameter(TextReader& reader, const Schema& schema) {
  FormalParameter parameter;
  parameter.name = reader.until_any("?*~:");
  if (reader.take("?")) {
    parameter.option = FormalParameter::Option::optional;
  } else if (const bool mixed = reader.take("~"); mixed || reader.take("*")) {
    parameter.option = FormalParameter::Option::variadic;
    parameter.homogeneous = !mixed;
    const std::string_view arity = reader.until_any(":");
    if (!arity.empty()) parameter.min_arity = reader.number<int>(arity);
    if (parameter.min_arity < 0) reader.fault();
  }
  if (!reader.take(":")) reader.fault();
  const std::string_view type = reader.until_any(" ");
  parameter.type = schema.find_constraint(type) ? std::string(type) : full_type(type);
  return parameter;
}

void read_signature(std::string_view text, Schema& schema) {
  TextReader reader(text);
  std::vector<FormalParameter>* side = &schema.inputs;
  while (!reader.at_end()) {
    if (reader.take("->")) {
      side = &schema.outputs;
    } else {
      side->push_back(read_parameter(reader, schema));
    }
  }
}

AttributeType attribute_type_from_name(std::string_view name) {
  for (int i = 1; i <= static_cast<int>(AttributeType::type_protos); ++i) {
    if (attribute_type_name(static_cast<AttributeType>(i)) == name) return static_cast<AttributeType>(i);
  }
  fail(ErrorCode::internal, "a schema names an unknown attribute type '{}'", name);
}

Attribute::Data read_default(TextReader& reader, AttributeType type) {
  std::vector<std::string> items;
  if (reader.take("[")) {
    while (!reader.take("]")) {
      if (reader.at_end()) reader.fault();
      items.push_back(reader.value());
      reader.take(",");
    }
  } else {
    items.push_back(reader.value());
  }
  const auto numbers = [&]<class T>() {
    std::vector<T> list;
    for (const std::string& item : items) list.push_back(reader.number<T>(item));
    return list;
  };
  const auto only_item = [&]() -> const std::string& {
    if (items.size() != 1) reader.fault();
    return items.front();
  };
  switch (type) {
    case AttributeType::int_: return reader.number<int64_t>(only_item());
    case AttributeType::float_: return reader.number<float>(only_item());
    case AttributeType::string: return only_item();
    case AttributeType::ints: return numbers.operator()<int64_t>();
    case AttributeType::floats: return numbers.operator()<float>();
    case AttributeType::strings: return items;
    default: reader.fault();
  }
}

std::vector<AttributeDef> read_attributes(std::string_view text) {
  std::vector<AttributeDef> attributes;
  for (TextReader reader(text); !reader.at_end();) {
    AttributeDef attribute;
    attribute.name = reader.until_any("!:");
    attribute.required = reader.take("!");
    if (!reader.take(":")) reader.fault();
    attribute.type = attribute_type_from_name(reader.until_any(" ="));
    if (reader.take("=")) {
      attribute.default_value.name = attribute.name;
      attribute.default_value.data = read_default(reader, attribute.type);
      attribute.default_value.type = attribute.type;
    }
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

/// An operator's schemas, each read when somebody first asks for it: a model uses few of all operators, and of these
/// one version.
class SchemaEntry {
 public:
  explicit SchemaEntry(const OpDef* op) : op_(op) {}

  std::string_view domain() const { return op_->domain; }
  std::span<const Schema> all() {
    for (size_t i = 0; i < op_->versions.size(); ++i) read(i);
    return schemas_;
  }
  const Schema* newest(int64_t opset_version) {
    size_t found = op_->versions.size();
    for (size_t i = 0; i < op_->versions.size(); ++i) {
      if (op_->versions[i].since <= opset_version) found = i;
    }
    return found == op_->versions.size() ? nullptr : &read(found);
  }

 private:
  const Schema& read(size_t i) {
    std::call_once(made_, [&] {
      schemas_.resize(op_->versions.size());
      once_ = std::make_unique<std::once_flag[]>(schemas_.size());
    });
    std::call_once(once_[i], [&] { schemas_[i] = read_schema(*op_, op_->versions[i]); });
    return schemas_[i];
  }

  const OpDef* const op_;
  std::once_flag made_;
  std::unique_ptr<std::once_flag[]> once_;
  std::vector<Schema> schemas_;
};

/// Null where Kiln itself has no such operator.
SchemaEntry* entry_of(std::string_view domain, std::string_view name) {
  // By names alone, which are hashed quickly: few of them are in two domains.
  using Index = std::unordered_multimap<std::string_view, SchemaEntry>;
  static Index index = [] {
    Index made;
    for (const OpDef* op : all_ops()) made.emplace(op->name, op);
    return made;
  }();
  auto [entry, end] = index.equal_range(name);
  while (entry != end && entry->second.domain() != domain) ++entry;
  return entry == end ? nullptr : &entry->second;
}

const FormalParameter* parameter_at(const std::vector<FormalParameter>& parameters, size_t index) {
  if (index < parameters.size()) return &parameters[index];
  const bool repeats = !parameters.empty() && parameters.back().option == FormalParameter::Option::variadic;
  return repeats ? &parameters.back() : nullptr;
}

size_t min_count(const std::vector<FormalParameter>& parameters) {
  size_t needed = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].option == FormalParameter::Option::single) needed = i + 1;
    if (parameters[i].option == FormalParameter::Option::variadic && parameters[i].min_arity > 0) {
      needed = i + static_cast<size_t>(parameters[i].min_arity);
    }
  }
  return needed;
}

size_t max_count(const std::vector<FormalParameter>& parameters) {
  const bool repeats = !parameters.empty() && parameters.back().option == FormalParameter::Option::variadic;
  return repeats ? SIZE_MAX : parameters.size();
}

}  // namespace

Schema read_schema(const OpDef& op, const SchemaText& text) {
  Schema schema;
  schema.op = &op;
  schema.since = text.since;
  schema.deprecated = text.deprecated;
  schema.constraints = read_constraints(text.types);
  schema.attributes = read_attributes(text.attributes);
  read_signature(text.signature, schema);
  return schema;
}

const AttributeDef* Schema::find_attribute(std::string_view name) const {
  for (const AttributeDef& attribute : attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

const TypeConstraint* Schema::find_constraint(std::string_view name) const {
  for (const TypeConstraint& constraint : constraints) {
    if (constraint.name == name) return &constraint;
  }
  return nullptr;
}

const FormalParameter* Schema::input_at(size_t index) const { return parameter_at(inputs, index); }
const FormalParameter* Schema::output_at(size_t index) const { return parameter_at(outputs, index); }
size_t Schema::min_inputs() const { return min_count(inputs); }
size_t Schema::max_inputs() const { return max_count(inputs); }
size_t Schema::min_outputs() const { return min_count(outputs); }
size_t Schema::max_outputs() const { return max_count(outputs); }

bool Schema::allows(const FormalParameter& parameter, const std::string& onnx_type) const {
  const TypeConstraint* constraint = find_constraint(parameter.type);
  if (!constraint) return parameter.type == onnx_type;
  for (const std::string& type : constraint->types) {
    if (type == onnx_type) return true;
  }
  return false;
}

std::span<const Schema> schemas_of(const OpDef& op) {
  SchemaEntry* const entry = entry_of(op.domain, op.name);
  return entry ? entry->all() : custom_schemas(op.domain, op.name);
}

const Schema* find_schema(std::string_view domain, std::string_view name, int64_t opset_version) {
  if (SchemaEntry* const entry = entry_of(canonical_domain(domain), name)) return entry->newest(opset_version);
  const Schema* newest = nullptr;
  for (const Schema& schema : custom_schemas(canonical_domain(domain), name)) {
    if (schema.since <= opset_version) newest = &schema;
  }
  return newest;
}

const OpsetImports& known_opsets() {
  static const OpsetImports opsets{
      {"", 28}, {"ai.onnx.ml", 5}, {"ai.onnx.preview", 1}, {"ai.onnx.preview.training", 1}, {"ai.onnx.training", 1}};
  return opsets;
}

}  // namespace kiln
