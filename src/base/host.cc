#include "base/host.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/clock.h"

namespace bw {
namespace {

// Files of /proc and of control groups say size 0, so they are read to their end. Longest seen: cpuinfo of a
// machine with hundreds of processors, well below the bound.
constexpr size_t max_text = 8u << 20;

std::optional<std::string> slurp(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string out;
  char buffer[1 << 14];
  while (out.size() < max_text) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ::close(fd);
      if (n < 0) return std::nullopt;
      return out;
    }
    out.append(buffer, static_cast<size_t>(n));
  }
  ::close(fd);
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\n')) s.remove_suffix(1);
  return s;
}

// The digits at the start of `s`; empty where there are none or they overflow ("max" is then no number).
std::optional<uint64_t> leading_number(std::string_view s) {
  s = trim(s);
  uint64_t v = 0;
  const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
  if (r.ec != std::errc{}) return std::nullopt;
  return v;
}

// Value of "key: value" or "key value"; first match.
std::optional<std::string_view> field(std::string_view text, std::string_view key) {
  for (std::string_view line : split(text, '\n')) {
    if (line.substr(0, key.size()) != key) continue;
    line.remove_prefix(key.size());
    if (line.empty() || (line[0] != ':' && line[0] != ' ' && line[0] != '\t')) continue;
    const size_t colon = line.find(':');
    return trim(colon == std::string_view::npos ? line : line.substr(colon + 1));
  }
  return std::nullopt;
}

std::optional<uint64_t> kib_field(std::string_view text, std::string_view key) {
  const auto value = field(text, key);
  const auto n = value ? leading_number(*value) : std::nullopt;
  if (!n) return std::nullopt;
  return *n * 1024;
}

std::optional<uint64_t> number_file(const std::string& path) {
  const auto text = slurp(path);
  return text ? leading_number(*text) : std::nullopt;
}

// "0-3,8" -> 5
int count_list(std::string_view list) {
  int n = 0;
  for (std::string_view range : split(trim(list), ',')) {
    const auto first = leading_number(range);
    if (!first) continue;
    const size_t dash = range.find('-');
    const auto last = dash == std::string_view::npos ? first : leading_number(range.substr(dash + 1));
    if (last && *last >= *first) n += static_cast<int>(std::min<uint64_t>(*last - *first + 1, 65536));
  }
  return n;
}

// Where a control group's files lie: `own` is this process's folder, `top` the mount point it may climb to.
struct Group {
  bool v2 = false;
  std::string own, top;
};

// mountinfo escapes space, tab, newline and backslash as three octal digits.
std::string unescape(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\\' && i + 3 < s.size()) {
      out += static_cast<char>((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0'));
      i += 3;
    } else {
      out += s[i];
    }
  }
  return out;
}

bool has_word(std::string_view list, std::string_view word) {
  const auto words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The group that holds `controller` ("memory", "cpu"): a v1 hierarchy mounted with it, else v2.
std::vector<Group> groups(const HostPaths& paths, std::string_view controller) {
  const auto membership = slurp(paths.proc + "/self/cgroup");
  const auto mounts = slurp(paths.proc + "/self/mountinfo");
  std::vector<Group> out;
  if (!membership || !mounts) return out;
  std::optional<std::string> v1_path, v2_path;
  for (std::string_view line : split(*membership, '\n')) {  // "4:memory:/a/b", "0::/a/b"
    const size_t a = line.find(':');
    const size_t b = a == std::string_view::npos ? a : line.find(':', a + 1);
    if (b == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(a + 1, b - a - 1);
    if (controllers.empty()) v2_path = std::string(line.substr(b + 1));
    if (has_word(controllers, controller)) v1_path = std::string(line.substr(b + 1));
  }
  for (std::string_view line : split(*mounts, '\n')) {
    // "36 35 98:0 ROOT MOUNT_POINT options [tags] - TYPE source SUPER_OPTIONS"
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto left = split(line.substr(0, dash), ' ');
    const auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.empty()) continue;
    const bool v2 = right[0] == "cgroup2";
    const bool v1 = right[0] == "cgroup" && right.size() >= 3 && has_word(right[2], controller);
    const auto& path = v2 ? v2_path : v1_path;
    if ((!v1 && !v2) || !path) continue;
    const std::string root = unescape(left[3]), top = paths.prefix + unescape(left[4]);
    // In a container the mount shows only the part below ROOT; a path outside it is not visible from here.
    std::string relative = *path;
    if (root != "/" && relative.compare(0, root.size(), root) == 0)
      relative = relative.substr(root.size());
    else if (root != "/")
      relative.clear();
    if (relative == "/") relative.clear();
    out.push_back({v2, top + relative, top});
  }
  return out;
}

// Calls f(folder) for the process's own group and every one above it, up to the mount point.
template <class F>
void climb(const Group& g, F&& f) {
  std::string folder = g.own;
  while (true) {
    f(folder);
    if (folder.size() <= g.top.size()) return;
    folder.resize(folder.rfind('/'));
  }
}

// v1 writes "no limit" as the largest multiple of the page size in an int64; nothing above 2^62 is a limit.
constexpr uint64_t no_limit = uint64_t(1) << 62;

void memory_limits(const Group& g, std::vector<CgroupLimit>& out) {
  climb(g, [&](const std::string& folder) {
    const auto limit = number_file(folder + (g.v2 ? "/memory.max" : "/memory.limit_in_bytes"));
    if (!limit || *limit >= no_limit) return;
    CgroupLimit c;
    c.source = g.v2 ? "cgroup v2 memory.max" : "cgroup v1 memory.limit_in_bytes";
    c.bytes = *limit;
    c.used = number_file(folder + (g.v2 ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0);
    if (const auto stat = slurp(folder + "/memory.stat")) {
      const auto value = field(*stat, g.v2 ? "inactive_file" : "total_inactive_file");
      const uint64_t reclaimable = value ? leading_number(*value).value_or(0) : 0;
      c.used -= std::min(c.used, reclaimable);
    }
    out.push_back(std::move(c));
  });
}

double cpu_quota(const Group& g) {
  double least = 0;
  climb(g, [&](const std::string& folder) {
    std::optional<uint64_t> quota, period;
    if (g.v2) {
      if (const auto text = slurp(folder + "/cpu.max")) {  // "max 100000" or "150000 100000"
        const auto words = split(trim(*text), ' ');
        if (words.size() == 2) quota = leading_number(words[0]), period = leading_number(words[1]);
      }
    } else {
      quota = number_file(folder + "/cpu.cfs_quota_us");  // "-1" is no quota and reads as no number
      period = number_file(folder + "/cpu.cfs_period_us");
    }
    if (!quota || !period || *period == 0) return;
    const double share = static_cast<double>(*quota) / static_cast<double>(*period);
    if (least == 0 || share < least) least = share;
  });
  return least;
}

std::string cpu_model(const HostPaths& paths) {
  const auto text = slurp(paths.proc + "/cpuinfo");
  if (!text) return "unknown";
  if (const auto name = field(*text, "model name"); name && !name->empty()) return std::string(*name);
  // 64-bit ARM names no model, only who made it and which part it is.
  const auto maker = field(*text, "CPU implementer"), part = field(*text, "CPU part");
  if (maker && part) return "ARM implementer " + std::string(*maker) + " part " + std::string(*part);
  return "unknown";
}

}  // namespace

uint64_t monotonic_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

Host host(const HostPaths& paths) {
  Host h;
  h.cpu_model = cpu_model(paths);
  if (const auto release = slurp(paths.proc + "/sys/kernel/osrelease"))
    h.kernel = "Linux " + std::string(trim(*release));
  else
    h.kernel = "unknown";
  if (const auto status = slurp(paths.proc + "/self/status"))
    if (const auto list = field(*status, "Cpus_allowed_list")) h.n_allowed = std::max(1, count_list(*list));
  for (const Group& g : groups(paths, "cpu")) {
    const double q = cpu_quota(g);
    if (q > 0 && (h.cpu_quota == 0 || q < h.cpu_quota)) h.cpu_quota = q;
  }
  h.n_usable = h.n_allowed;
  if (h.cpu_quota > 0)
    h.n_usable =
        std::min(h.n_allowed, std::max(1, static_cast<int>(std::lround(std::min(h.cpu_quota, 65536.0)))));
  if (const auto meminfo = slurp(paths.proc + "/meminfo")) {
    h.memory_total = kib_field(*meminfo, "MemTotal");
    h.memory_available = kib_field(*meminfo, "MemAvailable");
  }
  for (const Group& g : groups(paths, "memory")) memory_limits(g, h.cgroup);
  rlimit r{};
  if (::getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY) h.address_space = r.rlim_cur;
  return h;
}

std::optional<ProcessMemory> process_memory(const HostPaths& paths) {
  const auto status = slurp(paths.proc + "/self/status");
  if (!status) return std::nullopt;
  const auto rss = kib_field(*status, "VmRSS"), peak = kib_field(*status, "VmHWM");
  if (!rss || !peak) return std::nullopt;
  return ProcessMemory{*rss, *peak};
}

std::optional<uint64_t> oom_kills(const HostPaths& paths) {
  for (const Group& g : groups(paths, "memory")) {
    const auto events = slurp(g.own + (g.v2 ? "/memory.events" : "/memory.oom_control"));
    const auto value = events ? field(*events, "oom_kill") : std::nullopt;
    if (const auto n = value ? leading_number(*value) : std::nullopt) return n;
  }
  const auto vmstat = slurp(paths.proc + "/vmstat");
  const auto value = vmstat ? field(*vmstat, "oom_kill") : std::nullopt;
  return value ? leading_number(*value) : std::nullopt;
}

}  // namespace bw
