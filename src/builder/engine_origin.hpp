#pragma once

#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "kiln/build_options.hpp"
#include "runtime/engine_record.hpp"

namespace kiln {

/// The file of a model and the files beside it that hold its external data, read once more for their hashes.
/// `folder` is where external data lies; "" is the folder of the file.
std::vector<SourceFile> source_files(const std::string& path, const ModelDef& model, const std::string& folder = "");
/// The same for a model in memory.
SourceFile source_in_memory(std::span<const std::byte> bytes);

/// What an engine says about how it was made: here, now, with these options.
EngineRecord make_record(const BuildOptions& options, std::vector<SourceFile> sources);

}  // namespace kiln
