#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "corpus/corpus.h"
#include "support.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

// What `cp -a` keeps of plain files, directories and links: owner, mode and times.
void copy_attributes(const struct stat& from, const std::string& to) {
    if (::lchown(to.c_str(), from.st_uid, from.st_gid) != 0 && ::geteuid() == 0)
        stop("cannot set the owner of '" + to + "'");
    if (!S_ISLNK(from.st_mode) && ::chmod(to.c_str(), from.st_mode & 07777U) != 0)
        stop("cannot set the mode of '" + to + "'");
    const timespec times[2] = {from.st_mtim, from.st_mtim};
    if (::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) stop("cannot set the time of '" + to + "'");
}

class Copy {
public:
    explicit Copy(std::uint64_t budget) : left_(budget) {}

    // In byte order of the names, until the budget is spent; other kinds of file are left out.
    void tree(const fs::path& from, const fs::path& to) {
        struct stat status{};
        if (::lstat(from.c_str(), &status) != 0) return;
        if (S_ISLNK(status.st_mode)) {
            std::error_code error;
            fs::copy_symlink(from, to, error);
            if (!error) copy_attributes(status, to.string());
        } else if (S_ISREG(status.st_mode)) {
            file(from, to, status);
        } else if (S_ISDIR(status.st_mode)) {
            directory(from, to);
            copy_attributes(status, to.string());
        }
    }
    bool is_spent() const { return left_ == 0; }

private:
    void file(const fs::path& from, const fs::path& to, const struct stat& status) {
        const auto size = static_cast<std::uint64_t>(status.st_size);
        if (size > left_) {
            left_ = 0;
            return;
        }
        std::error_code error;
        fs::copy_file(from, to, error);
        if (error) return;  // unreadable to this user
        left_ -= size;
        copy_attributes(status, to.string());
    }

    void directory(const fs::path& from, const fs::path& to) {
        fs::create_directory(to);
        std::error_code error;
        std::vector<fs::path> entries;
        for (const fs::directory_entry& entry : fs::directory_iterator{from, error}) entries.push_back(entry.path());
        std::ranges::sort(entries);
        for (const fs::path& entry : entries) {
            if (left_ == 0) return;
            tree(entry, to / entry.filename());
        }
    }

    std::uint64_t left_;
};

}  // namespace

void make_usr(const CorpusRequest& request) {
    Copy copy{static_cast<std::uint64_t>(2048.0 * 1048576.0 * request.scale)};
    for (const char* part : {"lib", "bin", "share", "include", "sbin", "libexec"}) {
        if (!copy.is_spent()) copy.tree(std::string{"/usr/"} + part, request.directory + "/" + part);
    }
}

}  // namespace bench
