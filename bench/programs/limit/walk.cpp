#include "limit/walk.h"

#include <dirent.h>
#include <sys/syscall.h>

namespace bench {
namespace {

constexpr std::size_t kListing = 256U << 10U;

class Walker {
public:
    explicit Walker(const Visitor& visitor) : visitor_(visitor) {}

    void visit(int parent_fd, std::uint32_t parent, const char* name, const Attributes& attributes) {
        auto directory = std::make_shared<Directory>();
        directory->fd = open_or_stop(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        directory->number = next_number_++;
        visitor_.directory(directory, parent, name, attributes);

        // Directories wait until the listing is done: one buffer serves the whole walk.
        std::vector<std::pair<std::string, Attributes>> below;
        list(directory, below);
        for (const auto& [child, found] : below) visit(directory->fd.get(), directory->number, child.c_str(), found);
    }

private:
    void list(const DirectoryRef& directory, std::vector<std::pair<std::string, Attributes>>& below) {
        for (;;) {
            const long got = ::syscall(SYS_getdents64, directory->fd.get(), listing_.data(), listing_.size());
            if (got < 0) stop("cannot list a directory");
            if (got == 0) return;
            for (long at = 0; at < got;) {
                const auto* entry = reinterpret_cast<const dirent64*>(listing_.data() + at);
                at += entry->d_reclen;
                const std::string_view name{entry->d_name};
                if (name == "." || name == "..") continue;
                const Attributes attributes = attributes_of(directory->fd.get(), entry->d_name);
                if (S_ISDIR(attributes.mode)) {
                    below.emplace_back(name, attributes);
                } else {
                    visitor_.entry(directory, entry->d_name, attributes);
                }
            }
        }
    }

    const Visitor& visitor_;
    std::vector<char> listing_ = std::vector<char>(kListing);
    std::uint32_t next_number_ = 0;
};

}  // namespace

Attributes attributes_of(int directory, const char* name) {
    struct statx found{};
    constexpr unsigned kWanted = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_MTIME | STATX_CTIME |
                                 STATX_INO | STATX_SIZE | STATX_BLOCKS;
    if (::statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, kWanted, &found) != 0) {
        stop(std::string{"cannot read the attributes of '"} + name + "'");
    }
    return {found.stx_mode,         found.stx_uid,  found.stx_gid,   found.stx_mtime.tv_nsec,
            found.stx_mtime.tv_sec, found.stx_size, found.stx_blocks};
}

void walk(const std::string& root, const Visitor& visitor) {
    Walker{visitor}.visit(AT_FDCWD, 0, root.c_str(), attributes_of(AT_FDCWD, root.c_str()));
}

}  // namespace bench
