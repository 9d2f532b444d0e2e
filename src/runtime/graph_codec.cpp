#include "runtime/graph_codec.hpp"

#include <limits>
#include <map>

namespace kiln {
namespace {

/// Tensors up to this size stand in the graph itself, where every load verifies them.
constexpr size_t largest_inline = 1024;
constexpr size_t inline_alignment = 8;
constexpr int max_nesting = 64;

enum class Place : uint8_t { undefined, strings, inside, weights };
enum class DimKind : uint8_t { unknown, number, expression };

class ModelWriter {
 public:
  ModelWriter(ByteWriter& to, PlaceWeights place, Names names, const Graph& main)
      : to_(to), place_(place), strip_(names == Names::stripped) {
    for (const auto* ids : {&main.inputs, &main.outputs}) {
      for (ValueId id : *ids) {
        if (id != no_value) names_.emplace(main.name_of(id), main.name_of(id));
      }
    }
  }

  void model(const ModelDef& m) {
    to_.signed_number(m.ir_version);
    opsets(m.opset_imports);
    for (const std::string* text : {&m.producer_name, &m.producer_version, &m.domain, &m.doc}) to_.text(*text);
    to_.signed_number(m.model_version);
    graph(m.graph);
    metadata(m.metadata);
    list(m.functions, [&](const Function& f) { function(f); });
    // It goes by names.
    const std::vector<TrainingInfo> none;
    list(strip_ ? none : m.training_info, [&](const TrainingInfo& info) {
      graph(info.initialization);
      graph(info.algorithm);
      metadata(info.initialization_binding);
      metadata(info.update_binding);
    });
    list(m.configurations, [&](const std::string& text) { to_.text(text); });
  }

 private:
  template <class T, class Write>
  void list(const std::vector<T>& items, Write&& write) {
    to_.number(items.size());
    for (const T& item : items) write(item);
  }

  void metadata(const Metadata& entries) {
    list(entries, [&](const auto& entry) {
      to_.text(entry.first);
      to_.text(entry.second);
    });
  }

  // What stripping leaves out.
  void note(const std::string& text) { to_.text(strip_ ? std::string_view() : text); }
  void notes(const Metadata& entries) { metadata(strip_ ? Metadata() : entries); }

  /// Graphs find each other's values by name: one name is the same short one everywhere.
  void value_name(const std::string& name) {
    if (!strip_ || name.empty()) return to_.text(name);
    auto position = names_.find(name);
    while (position == names_.end()) {
      const std::string made = std::to_string(next_name_++);
      if (!names_.contains(made)) position = names_.emplace(name, made).first;
    }
    to_.text(position->second);
  }

  void opsets(const OpsetImports& imports) {
    to_.number(imports.size());
    for (const auto& [domain, version] : imports) {
      to_.text(domain);
      to_.signed_number(version);
    }
  }

  void id(ValueId value) { to_.number(static_cast<uint64_t>(static_cast<int64_t>(value) + 1)); }
  void ids(const std::vector<ValueId>& values) {
    list(values, [&](ValueId value) { id(value); });
  }

  void dim(const Dim& dim) {
    if (dim.is_known()) {
      to_.byte(static_cast<uint8_t>(DimKind::number));
      to_.signed_number(dim.value());
    } else if (dim.is_unknown()) {
      to_.byte(static_cast<uint8_t>(DimKind::unknown));
    } else {
      // Each expression stands once; after that its number does.
      to_.byte(static_cast<uint8_t>(DimKind::expression));
      std::string text = dim.str();
      const auto [position, added] = expressions_.try_emplace(std::move(text), expressions_.size());
      to_.number(position->second);
      if (added) to_.text(position->first);
    }
  }

  void type(const Type& type) {
    to_.byte(static_cast<uint8_t>(type.kind));
    to_.byte(static_cast<uint8_t>(type.dtype));
    to_.boolean(type.shape.has_value());
    if (type.shape) {
      list(*type.shape, [&](const Dim& d) { dim(d); });
    }
    to_.boolean(type.inner != nullptr);
    if (type.inner) this->type(*type.inner);
    to_.text(type.denotation);
    list(type.dim_denotations, [&](const std::string& text) { to_.text(text); });
    to_.text(type.opaque_name);
  }

  void tensor(const Tensor& tensor) {
    const std::span<const std::byte> bytes{static_cast<const std::byte*>(tensor.raw()), tensor.bytes()};
    // A bool that is neither is undefined behaviour, so that all of them must be verified.
    const bool small = bytes.size() <= largest_inline || tensor.dtype() == DType::boolean;
    const Place place = !tensor.defined()                 ? Place::undefined
                        : tensor.dtype() == DType::string ? Place::strings
                        : small                           ? Place::inside
                                                          : Place::weights;
    to_.byte(static_cast<uint8_t>(place));
    if (place == Place::undefined) return;
    to_.byte(static_cast<uint8_t>(tensor.dtype()));
    list(tensor.shape(), [&](int64_t d) { to_.number(static_cast<uint64_t>(d)); });
    if (place == Place::strings) {
      for (const std::string& text : tensor.elements<std::string>()) to_.text(text);
    } else if (place == Place::inside) {
      to_.align(inline_alignment);
      to_.bytes(bytes);
    } else {
      to_.number(place_(bytes) / weight_alignment);
    }
  }

  void sparse(const SparseTensor& sparse) {
    tensor(sparse.values);
    tensor(sparse.indices);
    list(sparse.shape, [&](int64_t d) { to_.number(static_cast<uint64_t>(d)); });
  }

  void attribute(const Attribute& attribute) {
    to_.text(attribute.name);
    to_.byte(static_cast<uint8_t>(attribute.type));
    to_.text(attribute.ref_name);
    note(attribute.doc);
    to_.byte(static_cast<uint8_t>(attribute.data.index()));
    std::visit([&](const auto& data) { value(data); }, attribute.data);
  }

  void value(std::monostate) {}
  void value(float number) { to_.raw(number); }
  void value(int64_t number) { to_.signed_number(number); }
  void value(const std::string& text) { to_.text(text); }
  void value(const Tensor& t) { tensor(t); }
  void value(const SparseTensor& s) { sparse(s); }
  void value(const Type& t) { type(t); }
  void value(const std::shared_ptr<Graph>& g) {
    to_.boolean(g != nullptr);
    if (g) graph(*g);
  }
  template <class T>
  void value(const std::vector<T>& items) {
    list(items, [&](const T& item) { value(item); });
  }

  void node(const Node& node) {
    note(node.name);
    for (const std::string* text : {&node.domain, &node.op_type, &node.overload}) to_.text(*text);
    note(node.doc);
    ids(node.inputs);
    ids(node.outputs);
    list(node.attributes, [&](const Attribute& a) { attribute(a); });
    notes(node.metadata);
    list(node.device_configurations, [&](const std::string& text) { to_.text(text); });
  }

  void graph(const Graph& graph) {
    note(graph.name);
    note(graph.doc);
    list(graph.values, [&](const ValueInfo& v) {
      value_name(v.name);
      type(v.type);
      to_.boolean(v.has_info);
      note(v.doc);
      notes(v.metadata);
    });
    list(graph.nodes, [&](const Node& n) { node(n); });
    ids(graph.inputs);
    ids(graph.outputs);
    list(graph.initializers, [&](const Initializer& i) {
      id(i.value);
      tensor(i.tensor);
      note(i.doc);
      notes(i.metadata);
    });
    list(graph.sparse_initializers, [&](const SparseInitializer& i) {
      id(i.value);
      sparse(i.tensor);
    });
    list(graph.quantization, [&](const QuantizationAnnotation& q) {
      value_name(q.tensor_name);
      metadata(q.parameters);
    });
    notes(graph.metadata);
  }

  void function(const Function& f) {
    for (const std::string* text : {&f.domain, &f.name, &f.overload}) to_.text(*text);
    note(f.doc);
    list(f.attributes, [&](const std::string& text) { to_.text(text); });
    list(f.attribute_defaults, [&](const Attribute& a) { attribute(a); });
    opsets(f.opset_imports);
    graph(f.body);
    metadata(f.metadata);
  }

  ByteWriter& to_;
  PlaceWeights place_;
  const bool strip_;
  std::map<std::string, size_t> expressions_;
  std::map<std::string, std::string> names_;  ///< as they are written when the others are stripped
  size_t next_name_ = 0;
};

class ModelReader {
 public:
  ModelReader(ByteReader& from, const WeightSource& source) : from_(from), source_(source) {}

  ModelDef model() {
    ModelDef m;
    m.ir_version = from_.signed_number();
    m.opset_imports = opsets();
    for (std::string* text : {&m.producer_name, &m.producer_version, &m.domain, &m.doc}) *text = from_.text();
    m.model_version = from_.signed_number();
    graph(m.graph);
    m.metadata = metadata();
    list(m.functions, "functions", 16, [&](Function& f) { function(f); });
    list(m.training_info, "training infos", 16, [&](TrainingInfo& info) {
      graph(info.initialization);
      graph(info.algorithm);
      info.initialization_binding = metadata();
      info.update_binding = metadata();
    });
    m.configurations = texts("device configurations");
    return m;
  }

 private:
  /// `least` is what one item takes in the file at least, so that a wrong count allocates little.
  template <class T, class Read>
  void list(std::vector<T>& items, std::string_view what, size_t least, Read&& read) {
    const size_t count = from_.count(what, least);
    items.reserve(count);
    for (size_t i = 0; i < count; ++i) read(items.emplace_back());
  }

  std::vector<std::string> texts(std::string_view what) {
    std::vector<std::string> items;
    list(items, what, 1, [&](std::string& text) { text = from_.text(); });
    return items;
  }

  Metadata metadata() {
    Metadata entries;
    list(entries, "metadata entries", 2, [&](auto& entry) {
      entry.first = from_.text();
      entry.second = from_.text();
    });
    return entries;
  }

  OpsetImports opsets() {
    OpsetImports imports;
    for (size_t count = from_.count("opset imports", 2); count > 0; --count) {
      std::string domain = from_.text();
      imports[std::move(domain)] = from_.signed_number();
    }
    return imports;
  }

  ValueId id(const Graph& graph) {
    return static_cast<ValueId>(static_cast<int64_t>(from_.number_up_to(graph.values.size(), "a value's number")) - 1);
  }
  void ids(const Graph& graph, std::vector<ValueId>& values, std::string_view what) {
    list(values, what, 1, [&](ValueId& value) { value = id(graph); });
  }

  Dim dim() {
    switch (from_.choice(DimKind::expression, "a kind of dim")) {
      case DimKind::unknown: return {};
      case DimKind::number: return from_.signed_number();
      case DimKind::expression: break;
    }
    const uint64_t index = from_.number_up_to(expressions_.size(), "the number of a dim's expression");
    if (index == expressions_.size()) expressions_.push_back(Dim::parse(from_.text_view()));
    return expressions_[static_cast<size_t>(index)];
  }

  DType dtype() {
    const uint8_t found = from_.byte();
    if (found >= kDTypeCount) from_.wrong("found {} as an element type, expected less than {}", found, kDTypeCount);
    return static_cast<DType>(found);
  }

  Type type() {
    const Deeper deeper(*this);
    Type type;
    type.kind = from_.choice(Type::Kind::opaque, "a kind of type");
    type.dtype = dtype();
    if (from_.boolean()) list(type.shape.emplace(), "dims", 1, [&](Dim& d) { d = dim(); });
    if (from_.boolean()) type.inner = std::make_shared<const Type>(this->type());
    type.denotation = from_.text();
    type.dim_denotations = texts("denotations");
    type.opaque_name = from_.text();
    return type;
  }

  Shape shape() {
    Shape shape;
    list(shape, "dims", 1, [&](int64_t& d) {
      d = static_cast<int64_t>(from_.number_up_to(std::numeric_limits<int64_t>::max(), "a dim"));
    });
    return shape;
  }

  /// The bytes of the elements; an Error where their number has no meaning.
  uint64_t bytes_of(DType type, const Shape& shape) const {
    uint64_t bytes = dtype_size(type);
    bool overflow = false, empty = false;
    for (int64_t d : shape) {
      empty |= d == 0;
      overflow |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(d), &bytes);
    }
    if (empty) return 0;
    if (overflow || bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      from_.wrong("a tensor of shape {} is larger than any memory", to_string(shape));
    }
    return bytes;
  }

  Tensor tensor() {
    const Place place = from_.choice(Place::weights, "the place of a tensor");
    if (place == Place::undefined) return {};
    const DType type = dtype();
    if (type == DType::undefined || (type == DType::string) != (place == Place::strings)) {
      from_.wrong("found {} as the element type of a tensor of kind {}", dtype_name(type), static_cast<int>(place));
    }
    Shape dims = shape();
    const uint64_t bytes = bytes_of(type, dims);
    if (place == Place::strings) {
      if (bytes / sizeof(std::string) > from_.left()) from_.wrong("{} strings do not fit in", to_string(dims));
      Tensor strings(type, std::move(dims));
      for (std::string& text : strings.mutable_elements<std::string>()) text = from_.text();
      return strings;
    }
    if (place == Place::inside) {
      from_.align(inline_alignment);
      const auto elements = from_.take(bytes);
      if (type == DType::boolean) check_bools(elements);
      return Tensor::borrow(type, std::move(dims), elements.data(), elements.size(), source_.keeper);
    }
    const uint64_t most = source_.weights.size() / weight_alignment;
    const uint64_t offset = from_.number_up_to(most, "the place of a tensor among the weights") * weight_alignment;
    if (offset > source_.weights.size() || bytes > source_.weights.size() - offset) {
      from_.wrong("a tensor of {} bytes at {} of section 'weights', which has {}", bytes, offset,
                  source_.weights.size());
    }
    const auto elements = source_.weights.subspan(static_cast<size_t>(offset), static_cast<size_t>(bytes));
    if (type == DType::boolean) from_.wrong("found a tensor of bool among the weights, expected it here");
    return Tensor::borrow(type, std::move(dims), elements.data(), elements.size(), source_.keeper);
  }

  void check_bools(std::span<const std::byte> elements) const {
    for (std::byte element : elements) {
      if (element > std::byte{1}) from_.wrong("found {} as a bool, expected 0 or 1", static_cast<int>(element));
    }
  }

  SparseTensor sparse() {
    SparseTensor sparse;
    sparse.values = tensor();
    sparse.indices = tensor();
    sparse.shape = shape();
    return sparse;
  }

  void attribute(Attribute& attribute) {
    attribute.name = from_.text();
    attribute.type = from_.choice(AttributeType::type_protos, "an attribute's type");
    attribute.ref_name = from_.text();
    attribute.doc = from_.text();
    const auto index = from_.number_up_to(std::variant_size_v<Attribute::Data> - 1, "an attribute's kind of data");
    if (index != 0 && index != static_cast<uint64_t>(attribute.type)) {
      from_.wrong("found data of kind {} in an attribute of type {}", index, attribute_type_name(attribute.type));
    }
    data(attribute.data, index);
  }

  /// The alternative `index` of the variant; they are tried one after the other.
  template <size_t I = 0>
  void data(Attribute::Data& to, uint64_t index) {
    if constexpr (I < std::variant_size_v<Attribute::Data>) {
      if (index == I) {
        value(to.emplace<I>());
      } else {
        data<I + 1>(to, index);
      }
    }
  }

  void value(std::monostate&) {}
  void value(float& number) { number = from_.raw<float>(); }
  void value(int64_t& number) { number = from_.signed_number(); }
  void value(std::string& text) { text = from_.text(); }
  void value(Tensor& t) { t = tensor(); }
  void value(SparseTensor& s) { s = sparse(); }
  void value(Type& t) { t = type(); }
  void value(std::shared_ptr<Graph>& g) {
    if (!from_.boolean()) return;
    g = std::make_shared<Graph>();
    graph(*g);
  }
  template <class T>
  void value(std::vector<T>& items) {
    list(items, "values of an attribute", 1, [&](T& item) { value(item); });
  }

  void node(const Graph& graph, Node& node) {
    for (std::string* text : {&node.name, &node.domain, &node.op_type, &node.overload, &node.doc}) {
      *text = from_.text();
    }
    ids(graph, node.inputs, "inputs");
    ids(graph, node.outputs, "outputs");
    list(node.attributes, "attributes", 5, [&](Attribute& a) { attribute(a); });
    node.metadata = metadata();
    node.device_configurations = texts("device configurations");
  }

  void graph(Graph& graph) {
    const Deeper deeper(*this);
    graph.name = from_.text();
    graph.doc = from_.text();
    const size_t count = from_.count("values", 10);
    graph.values.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      const std::string name = from_.text();
      if (name.empty() || static_cast<size_t>(graph.value_named(name)) != i) {
        from_.wrong("found '{}' as the name of value {}, expected a name of its own", name, i);
      }
      ValueInfo& v = graph.values.back();
      v.type = type();
      v.has_info = from_.boolean();
      v.doc = from_.text();
      v.metadata = metadata();
    }
    list(graph.nodes, "nodes", 10, [&](Node& n) { node(graph, n); });
    ids(graph, graph.inputs, "inputs");
    ids(graph, graph.outputs, "outputs");
    list(graph.initializers, "initialisers", 4, [&](Initializer& i) {
      i.value = id(graph);
      i.tensor = tensor();
      i.doc = from_.text();
      i.metadata = metadata();
    });
    list(graph.sparse_initializers, "sparse initialisers", 4, [&](SparseInitializer& i) {
      i.value = id(graph);
      i.tensor = sparse();
    });
    list(graph.quantization, "quantisation annotations", 2, [&](QuantizationAnnotation& q) {
      q.tensor_name = from_.text();
      q.parameters = metadata();
    });
    graph.metadata = metadata();
  }

  void function(Function& f) {
    for (std::string* text : {&f.domain, &f.name, &f.overload, &f.doc}) *text = from_.text();
    f.attributes = texts("attributes");
    list(f.attribute_defaults, "attributes", 5, [&](Attribute& a) { attribute(a); });
    f.opset_imports = opsets();
    graph(f.body);
    f.metadata = metadata();
  }

  /// Graphs in graphs and types in types end somewhere.
  class Deeper {
   public:
    explicit Deeper(ModelReader& reader) : reader_(reader) {
      if (++reader_.depth_ > max_nesting) {
        reader_.from_.wrong("graphs or types are nested more than {} deep", max_nesting);
      }
    }
    ~Deeper() { --reader_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    ModelReader& reader_;
  };

  ByteReader& from_;
  const WeightSource& source_;
  std::vector<Dim> expressions_;
  int depth_ = 0;
};

}  // namespace

void write_model(ByteWriter& writer, const ModelDef& model, PlaceWeights place, Names names) {
  ModelWriter(writer, place, names, model.graph).model(model);
}

ModelDef read_model(ByteReader& reader, const WeightSource& source) {
  ModelDef model = ModelReader(reader, source).model();
  reader.expect_end();
  return model;
}

}  // namespace kiln
