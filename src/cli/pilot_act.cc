#include "cli/pilot_act.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/control.h"

namespace bw::cli {

pilot::Act act_on(const std::string& log_dir) {
  return [log_dir](const pilot::Plan& plan, const pilot::Fired& fired) -> Result<std::string> {
    const std::string who = "pilot " + plan.name, why = pilot::describe(fired);
    switch (fired.action) {
      case pilot::Action::notify:
        return fmt::format("for {} to see", plan.owner);
      case pilot::Action::undo: {
        BW_TRY(const nlohmann::json j,
               serve::control(log_dir, "POST", "/control/undo",
                              {{"deployment", plan.deployment}, {"who", who}, {"why", why}}));
        return fmt::format("{} taken back from {} to {}, log entry {}", plan.deployment, j.value("from", "?"),
                           j.value("to", "?"), j.value("log_index", -1));
      }
      case pilot::Action::refuse: {
        std::vector<std::string> classes = plan.classes;
        if (classes.empty()) {  // a plan that names none is about all of the contract's
          BW_TRY(const nlohmann::json state, serve::control(log_dir, "GET", "/control/state"));
          for (const nlohmann::json& c : state.value("classes", nlohmann::json::array()))
            classes.push_back(c.value("name", ""));
        }
        BW_TRY(const nlohmann::json j, serve::control(log_dir, "POST", "/control/refuse",
                                                      {{"classes", classes}, {"who", who}, {"why", why}}));
        return fmt::format("its classes take no more requests, log entry {}", j.value("log_index", -1));
      }
    }
    return failed("an action that does not exist");
  };
}

}  // namespace bw::cli
