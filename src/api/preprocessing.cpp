#include "kiln/preprocessing.hpp"

#include <memory>

#include "builder/add_preprocessing.hpp"
#include "formats/onnx/reader.hpp"
#include "formats/onnx/writer.hpp"

namespace kiln {

Model with_preprocessing(const Model& model, const std::string& how) {
  const auto before = std::make_shared<const std::string>(model.to_onnx());
  ModelDef definition = read_onnx_memory(std::as_bytes(std::span(*before)), before);
  add_preprocessing(definition, how);
  const auto after = std::make_shared<const std::string>(write_onnx(definition));
  return Model::from_memory(std::as_bytes(std::span(*after)), after);
}

}  // namespace kiln
