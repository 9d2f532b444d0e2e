#pragma once

#include <string>

#include "cli/json.hpp"
#include "kiln/kiln.hpp"

namespace kiln::cli {

/// "logits: f32[1,1000]", and with `values` the smallest, largest and mean element and the first ones.
void print_value(const std::string& name, const Value& value, bool values);

/// name, type, shape, min, max, mean and data.
Json output_json(const std::string& name, const Value& value);

/// Writes values as NAME.npy into a folder, which is made where it is missing. A name is made safe first: letters,
/// digits, '_', '-' and '.' stay, and no two values get the same file.
class OutputFolder {
 public:
  explicit OutputFolder(std::string folder);
  /// A sequence gives NAME.0.npy, NAME.1.npy; a map NAME.keys.npy and NAME.values.npy.
  void save(const std::string& name, const Value& value);

 private:
  std::string free_path(const std::string& name);
  std::string folder_;
  std::vector<std::string> taken_;
};

}  // namespace kiln::cli
