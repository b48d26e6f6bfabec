#include "speed/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/host.h"

namespace bw::speed {
namespace {

constexpr size_t most_output = 256u << 20;  // a million tokens' times are far below it
constexpr size_t most_last_words = 2000;
constexpr int exec_failed = 127;

struct Pipe {
  Fd parent, child;
};

Error os_error(const char* doing) {
  return failed(fmt::format("{}: {}", doing, std::strerror(errno)));
}

// Towards the child a socket, since writing to one whose reader died can be kept from raising SIGPIPE.
// Descriptors are moved above the ones the child is given, so that dup2 never overwrites one still needed.
Result<Pipe> make_pipe(bool to_child) {
  int fds[2];
  if (to_child ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0
               : ::pipe2(fds, O_CLOEXEC) != 0)
    return os_error("cannot make a pipe");
  Pipe p{Fd(fds[0]), Fd(fds[1])};
  const int high = ::fcntl(p.child.get(), F_DUPFD_CLOEXEC, 16);
  if (high < 0) return os_error("cannot make a pipe");
  p.child = Fd(high);
  return p;
}

void send_all(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the child is gone; how it ended says more than this write
    done += static_cast<size_t>(n);
  }
}

// Only async-signal-safe calls: other threads of the parent may hold any lock.
[[noreturn]] void become(const char* program, char* const* argv, int in, int out, int err, int progress,
                         int status, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exec_failed);  // the parent died before the line above
  if (::dup2(in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0 &&
      ::dup2(progress, child_progress_fd) >= 0)
    ::execv(program, argv);
  const int e = errno;
  [[maybe_unused]] const ssize_t n = ::write(status, &e, sizeof e);
  ::_exit(exec_failed);
}

// Reads what is there into `text`; false at the end.
bool drain(int fd, std::string& text) {
  char buffer[1 << 14];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  text.append(buffer, static_cast<size_t>(n));
  return n > 0;
}

void hand_out_lines(std::string& text, const std::function<void(std::string_view)>& line) {
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    if (line) line(std::string_view(text).substr(begin, end - begin));
  text.erase(0, begin);
}

}  // namespace

Result<Ended> run_child(const std::string& program, const std::vector<std::string>& arguments,
                        const std::string& input, const std::function<void(std::string_view)>& line) {
  BW_TRY(Pipe in, make_pipe(true));
  BW_TRY(Pipe out, make_pipe(false));
  BW_TRY(Pipe err, make_pipe(false));
  BW_TRY(Pipe progress, make_pipe(false));
  BW_TRY(Pipe status, make_pipe(false));
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const auto kills_before = oom_kills();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return os_error("cannot start the measuring process");
  if (pid == 0)
    become(program.c_str(), argv.data(), in.child.get(), out.child.get(), err.child.get(),
           progress.child.get(), status.child.get(), parent);
  for (Pipe* p : {&in, &out, &err, &progress, &status}) p->child.close();
  send_all(in.parent.get(), input);
  in.parent.close();

  Ended ended;
  std::string lines, exec_status;
  struct Source {
    Fd* fd;
    std::string* text;
  };
  std::array<Source, 4> sources{{{&out.parent, &ended.output},
                                 {&err.parent, &ended.last_words},
                                 {&progress.parent, &lines},
                                 {&status.parent, &exec_status}}};
  for (size_t n_open = sources.size(); n_open > 0;) {
    std::array<pollfd, 4> polled{};
    for (size_t i = 0; i < sources.size(); ++i)
      polled[i] = {sources[i].fd->get(), POLLIN, 0};  // -1 is passed over
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) break;
    n_open = 0;
    for (size_t i = 0; i < sources.size(); ++i) {
      if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !drain(polled[i].fd, *sources[i].text))
        sources[i].fd->close();
      n_open += sources[i].fd->get() >= 0 ? 1 : 0;
    }
    hand_out_lines(lines, line);
    if (ended.last_words.size() > most_last_words)
      ended.last_words.erase(0, ended.last_words.size() - most_last_words);
    if (ended.output.size() > most_output) ::kill(pid, SIGKILL);
  }
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  if (exec_status.size() == sizeof(int)) {
    int e = 0;
    std::memcpy(&e, exec_status.data(), sizeof e);
    return failed(fmt::format("{}: cannot be run: {}", program, std::strerror(e)));
  }
  if (WIFEXITED(raw)) ended.exit_code = WEXITSTATUS(raw);
  if (WIFSIGNALED(raw)) ended.signal = WTERMSIG(raw);
  const auto kills_after = oom_kills();
  ended.out_of_memory =
      ended.signal == SIGKILL && kills_before && kills_after && *kills_after > *kills_before;
  return ended;
}

}  // namespace bw::speed
