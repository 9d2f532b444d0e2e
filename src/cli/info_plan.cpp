#include "cli/info_plan.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "base/atomic_write.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "base/timer.hpp"
#include "cli/feeds.hpp"
#include "cli/fields.hpp"
#include "cli/html.hpp"
#include "cli/json.hpp"
#include "cli/subject.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "kiln/kiln.hpp"
#include "runtime/band_work.hpp"
#include "runtime/plan.hpp"
#include "runtime/step_cost.hpp"

namespace kiln::cli {
namespace {

struct Planned {
  std::shared_ptr<const EngineDef> engine;
  std::string shapes;
  Plan plan;
  double seconds = 0;
  int threads = 1;

  const Graph& graph() const { return *engine->program().graph; }
  const Schedule& schedule() const { return *plan.schedule; }
};

Planned make(const std::string& path, const std::vector<std::string>& shapes) {
  Planned planned;
  planned.engine = open_subject(parse_subject(path), 0)->engine();
  if (!planned.engine) fail(ErrorCode::unsupported, "{}: the reference code does it, step by step, with no plan", path);
  const std::vector<PortInfo> ports =
      Engine::is_engine_file(path) ? Engine::load(path).inputs() : Model::load(path).inputs();
  std::vector<Value> inputs;
  for (const FedInput& fed : make_feeds(ports, {{}, shapes, 0})) {
    const std::string shape = fed.value.is_tensor() ? to_string(fed.value.tensor().shape()) : fed.value.describe();
    planned.shapes += (planned.shapes.empty() ? "" : ", ") + printable(fed.name) + " " + shape;
    inputs.push_back(fed.value);
  }
  planned.threads = default_pool().threads();
  make_plan(*planned.engine, inputs, planned.threads);  // what is done once only
  const Timer timer;
  planned.plan = make_plan(*planned.engine, inputs, planned.threads);
  planned.seconds = timer.seconds();
  if (!planned.plan.schedule) fail(ErrorCode::unsupported, "{}: these shapes have no plan", path);
  return planned;
}

std::vector<std::string> names_of(const Planned& planned, const Schedule::Step& step) {
  std::vector<std::string> names;
  for (const Node* node : nodes_of(planned.graph(), {0, 0, &step, nullptr})) {
    names.push_back(node->name.empty() ? node->op_type : node->name);
  }
  return names;
}

std::string name_of(const Planned& planned, const Schedule::Block& block) {
  if (block.is_scratch) return "scratch memory";
  return block.value == no_value ? "copy" : printable(planned.graph().name_of(block.value));
}

std::string heights_of(const BandWork& work) {
  std::string text;
  for (const int64_t height : work.heights()) text += (text.empty() ? "" : " ") + std::to_string(height);
  return text;
}

const BandWork* bands_of(const Schedule::Step& step) { return dynamic_cast<const BandWork*>(step.work.get()); }

Json plan_json(const Planned& planned) {
  const Schedule& schedule = planned.schedule();
  Json steps = Json::array(), blocks = Json::array();
  for (const Schedule::Step& step : schedule.steps) {
    Json one = {{"nodes", names_of(planned, step)}, {"kernel", done_by(step)}, {"threads", step.parts}};
    if (const BandWork* const bands = bands_of(step)) {
      one["bands"] = bands->bands(), one["rows"] = bands->heights();
    }
    steps.push_back(std::move(one));
  }
  for (const Schedule::Block& block : schedule.blocks) {
    blocks.push_back({{"what", name_of(planned, block)},
                      {"scratch", block.is_scratch},
                      {"offset", block.offset},
                      {"bytes", block.bytes},
                      {"first_step", block.first},
                      {"last_step", block.last}});
  }
  return {{"shapes", planned.shapes},
          {"threads", planned.threads},
          {"seconds", planned.seconds},
          {"arena_bytes", schedule.arena_bytes},
          {"least_bytes", schedule.arena_lower_bound},
          {"steps", steps},
          {"blocks", blocks}};
}

void print_text(const Planned& planned) {
  const Schedule& schedule = planned.schedule();
  print_field("shapes", planned.shapes);
  print_field("planned", fmt::format("in {:.2f} ms, {} steps for {} threads", planned.seconds * 1e3,
                                     schedule.steps.size(), planned.threads));
  print_field("arena", fmt::format("{}; at one time {} are needed", mebibytes(schedule.arena_bytes),
                                   mebibytes(schedule.arena_lower_bound)));
  fmt::print("\n");
  Table steps({{"step", Table::Align::right},
               {"nodes"},
               {"done by"},
               {"bands", Table::Align::right},
               {"rows of each in a band"}});
  for (size_t i = 0; i < schedule.steps.size(); ++i) {
    const Schedule::Step& step = schedule.steps[i];
    const std::vector<std::string> names = names_of(planned, step);
    const std::string more = names.size() > 1 ? fmt::format(" +{}", names.size() - 1) : "";
    const BandWork* const bands = bands_of(step);
    const std::string kernel = bands ? "bands" : done_by(step);
    steps.add({std::to_string(i), (names.empty() ? "copy" : printable(names.front())) + more, kernel,
               bands ? std::to_string(bands->bands()) : "", bands ? heights_of(*bands) : ""});
  }
  steps.print();
  fmt::print("\n");
  Table blocks({{"in the arena"}, {"offset", Table::Align::right}, {"bytes", Table::Align::right}, {"steps"}});
  std::vector<Schedule::Block> sorted = schedule.blocks;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const Schedule::Block& block : sorted) {
    const std::string when =
        block.first == block.last ? std::to_string(block.first) : fmt::format("{} to {}", block.first, block.last);
    blocks.add({name_of(planned, block), std::to_string(block.offset), std::to_string(block.bytes), when});
  }
  blocks.print();
}

/// Each piece of memory as a box: from left to right the steps, from the bottom up the addresses.
std::string draw(const Planned& planned) {
  constexpr double width = 1200, height = 600, left = 80, bottom = 40, top = 20;
  const Schedule& schedule = planned.schedule();
  const double steps = std::max<double>(1, static_cast<double>(schedule.steps.size()));
  const double bytes = std::max<double>(1, static_cast<double>(schedule.arena_bytes));
  const auto x = [&](double step) { return left + (width - left) * step / steps; };
  const auto y = [&](double offset) { return top + (height - top - bottom) * (1 - offset / bytes); };
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"Memory over the steps\" font-family=\"sans-serif\" font-size=\"11\">\n"
      "<rect width=\"{}\" height=\"{}\" fill=\"white\"/>\n",
      width, height, width, height);
  const double mebibyte = 1 << 20, step = nice_step(bytes / mebibyte, 6);
  for (double mark = 0; mark * mebibyte <= bytes; mark += step) {
    text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{} MiB</text>\n", left - 6,
                        y(mark * mebibyte) + 4, mark);
  }
  for (const Schedule::Block& block : schedule.blocks) {
    if (block.bytes == 0) continue;
    const auto offset = static_cast<double>(block.offset), end = offset + static_cast<double>(block.bytes);
    const double from = x(block.first), to = x(block.last + 1);
    text += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
        "stroke=\"white\" stroke-width=\"0.5\"><title>{}: {}, steps {} to {}</title></rect>\n",
        from, y(end), to - from, y(offset) - y(end), block.is_scratch ? "#e0a030" : "#4a7fb5",
        html_text(name_of(planned, block)), mebibytes(block.bytes), block.first, block.last);
  }
  const double each = std::max(1.0, nice_step(steps, 12));
  for (double mark = 0; mark < steps; mark += each) {
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\">{}</text>\n", x(mark), height - bottom + 16, mark);
  }
  return text +
         fmt::format("<text x=\"{}\" y=\"{}\">steps of a run; blue: tensors, yellow: scratch memory</text>\n</svg>\n",
                     left, height - 8);
}

}  // namespace

void print_plan(const std::string& path, const std::vector<std::string>& shapes, const std::string& svg, bool json) {
  const Planned planned = make(path, shapes);
  if (json) {
    print_json(plan_json(planned));
  } else {
    print_text(planned);
  }
  if (!svg.empty()) write_file_atomically(svg, std::string_view(draw(planned)));
}

}  // namespace kiln::cli
