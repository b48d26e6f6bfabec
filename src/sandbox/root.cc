#include "sandbox/root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"

namespace bw::sandbox {
namespace {

constexpr uint32_t most_files = 16'384;  // names in the private folder

// Where the new root is put together. Any folder that is surely there; it is covered in this namespace alone.
constexpr const char* place = "/usr";

bool set_attributes(int fd, const char* path, unsigned flags, uint64_t attributes) {
  mount_attr attr{};
  attr.attr_set = attributes;
  return ::syscall(SYS_mount_setattr, fd, path, flags, &attr, sizeof attr) == 0;
}

// A name in the skeleton for `v`, which is mounted over it; parents made on the way.
bool make_name(const Visible& v) {
  const std::string name = v.path.substr(1);
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
    if (::mkdir(name.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) return false;
  if (v.kind == Visible::Kind::link) return ::symlink(v.target.c_str(), name.c_str()) == 0;
  if (v.kind == Visible::Kind::folder) return ::mkdir(name.c_str(), 0755) == 0 || errno == EEXIST;
  return Fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)).get() >= 0;
}

// linux/landlock.h of Debian 12 ends at ABI 2; names and values are those of landlock(7).
struct Ruleset {
  uint64_t fs = 0, net = 0, scoped = 0;
};
struct PathBeneath {
  uint64_t allowed = 0;
  int32_t parent = -1;
} __attribute__((packed));
constexpr uint64_t fs_execute = 1 << 0, fs_write_file = 1 << 1, fs_read_file = 1 << 2, fs_read_dir = 1 << 3,
                   fs_make_char = 1 << 6, fs_make_sock = 1 << 9, fs_make_block = 1 << 11,
                   fs_abi1 = (1 << 13) - 1, fs_refer = 1 << 13, fs_truncate = 1 << 14, fs_ioctl_dev = 1 << 15;
constexpr uint64_t net_bind_tcp = 1 << 0, net_connect_tcp = 1 << 1;
constexpr uint64_t scope_abstract_unix = 1 << 0, scope_signal = 1 << 1;

bool allow(int ruleset, const char* path, uint64_t rights) {
  const Fd at(::open(path, O_PATH | O_CLOEXEC));
  if (at.get() < 0) return false;
  constexpr int rule_path_beneath = 1;
  const PathBeneath rule{rights, at.get()};
  return ::syscall(SYS_landlock_add_rule, ruleset, rule_path_beneath, &rule, 0) == 0;
}

}  // namespace

std::optional<Step> make_root(const Plan& plan) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return Step::private_mounts;
  std::vector<Fd> trees(plan.visible.size());
  for (size_t i = 0; i < trees.size(); ++i) {
    const Visible& v = plan.visible[i];
    if (v.kind == Visible::Kind::link) continue;
    trees[i] = Fd(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, v.path.c_str(),
                                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
    if (trees[i].get() < 0) return Step::open_tree;
    const bool device = v.kind == Visible::Kind::device;
    if (!set_attributes(
            trees[i].get(), "", AT_EMPTY_PATH | AT_RECURSIVE,
            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | (device ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV)))
      return Step::read_only;
  }
  if (::mount("bitworth-root", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m,nr_inodes=4096") !=
          0 ||
      ::chdir(place) != 0)
    return Step::root;
  for (size_t i = 0; i < trees.size(); ++i) {
    const Visible& v = plan.visible[i];
    if (!make_name(v)) return Step::skeleton;
    if (v.kind != Visible::Kind::link && ::syscall(SYS_move_mount, trees[i].get(), "", AT_FDCWD,
                                                   v.path.c_str() + 1, MOVE_MOUNT_F_EMPTY_PATH) != 0)
      return Step::move_mount;
  }
  const bool root = plan.uid == 0;
  const std::string options =
      fmt::format("mode=0700,size={},nr_inodes={},uid={},gid={}", plan.limits.folder_bytes, most_files,
                  root ? kNobody : plan.uid, root ? kNobody : plan.gid);
  if (::mkdir(kFolder + 1, 0755) != 0 ||
      ::mount("bitworth-folder", kFolder + 1, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return Step::folder;
  if (!set_attributes(AT_FDCWD, ".", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
    return Step::read_only;
  // pivot_root(2): with "." twice the old root lies on the new one, and "." is it.
  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 || ::chdir(kFolder) != 0)
    return Step::pivot;
  return std::nullopt;
}

int landlock_abi() {
  constexpr uint32_t version = 1;
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, version);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

std::optional<Step> restrict_by_landlock(const Plan& plan) {
  const int abi = plan.landlock_abi;
  Ruleset r;
  r.fs = fs_abi1 | (abi >= 2 ? fs_refer : 0) | (abi >= 3 ? fs_truncate : 0) | (abi >= 5 ? fs_ioctl_dev : 0);
  r.net = abi >= 4 ? net_bind_tcp | net_connect_tcp : 0;
  r.scoped = abi >= 6 ? scope_abstract_unix | scope_signal : 0;
  const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &r, size, 0)));
  if (ruleset.get() < 0) return Step::landlock;
  for (const Visible& v : plan.visible) {
    uint64_t rights = 0;
    if (v.kind == Visible::Kind::folder) rights = fs_execute | fs_read_file | fs_read_dir;
    if (v.kind == Visible::Kind::file) rights = fs_execute | fs_read_file;
    if (v.kind == Visible::Kind::device) rights = fs_write_file | fs_read_file;
    if (rights != 0 && !allow(ruleset.get(), v.path.c_str(), rights)) return Step::landlock;
  }
  if (!allow(ruleset.get(), kFolder, r.fs & ~(fs_make_char | fs_make_block | fs_make_sock | fs_ioctl_dev)))
    return Step::landlock;
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return Step::landlock;
  return std::nullopt;
}

}  // namespace bw::sandbox
