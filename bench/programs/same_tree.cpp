// same_tree A B: says how two trees differ, in what `rsync -aHAX --checksum --delete` would change: kinds, names,
// contents, sizes, modes, owners, nanosecond times, extended attributes (ACLs are some), link targets, and which names
// are one file. Exit 0: equal; 1: differences, the first 50 printed. It compares bytes, not checksums, on all cores.

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "support.h"

namespace {

struct FilePair {
    std::string path;
    std::uint64_t size;
};

class Comparer {
public:
    Comparer(std::string a, std::string b) : a_(std::move(a)), b_(std::move(b)) {}

    bool run() {
        entry("");
        compare_link_groups();
        bench::in_parallel(files_.size(), bench::core_count(), [this](std::uint64_t i) { content(files_[i]); });
        if (differences_ > kShown)
            std::printf("... and %llu more\n", static_cast<unsigned long long>(differences_ - kShown));
        return differences_ == 0;
    }

private:
    static constexpr std::uint64_t kShown = 50;

    void differ(const std::string& path, const char* how) {
        const std::lock_guard lock{mutex_};
        if (++differences_ <= kShown) std::printf("%s: ./%s\n", how, path.c_str());
    }

    static std::set<std::string> names(const std::string& path) {
        std::set<std::string> names;
        const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path.c_str()), ::closedir};
        if (!directory) bench::stop("cannot list '" + path + "'");
        while (const dirent* entry = ::readdir(directory.get())) {
            const std::string name{entry->d_name};
            if (name != "." && name != "..") names.insert(name);
        }
        return names;
    }

    // `path` is relative, "" the root.
    void entry(const std::string& path) {
        const std::string a = a_ + "/" + path;
        const std::string b = b_ + "/" + path;
        struct stat sa{}, sb{};
        if (::lstat(a.c_str(), &sa) != 0) return differ(path, "missing in the first");
        if (::lstat(b.c_str(), &sb) != 0) return differ(path, "missing in the second");
        if ((sa.st_mode & S_IFMT) != (sb.st_mode & S_IFMT)) return differ(path, "another kind of file");
        compare_attributes(path, sa, sb);
        if (attributes(a) != attributes(b)) differ(path, "extended attributes differ");
        if (S_ISDIR(sa.st_mode)) {
            std::set<std::string> all = names(a);
            all.merge(names(b));
            for (const std::string& name : all) entry(path.empty() ? name : path + "/" + name);
        } else if (S_ISLNK(sa.st_mode)) {
            if (link(a) != link(b)) differ(path, "link targets differ");
        } else if (S_ISREG(sa.st_mode)) {
            note_links(path, sa, sb);
            if (sa.st_size != sb.st_size) return differ(path, "sizes differ");
            if (sa.st_size > 0) files_.push_back({path, static_cast<std::uint64_t>(sa.st_size)});
        }
    }

    void compare_attributes(const std::string& path, const struct stat& a, const struct stat& b) {
        if (a.st_mode != b.st_mode) differ(path, "modes differ");
        if (a.st_uid != b.st_uid || a.st_gid != b.st_gid) differ(path, "owners differ");
        if (a.st_rdev != b.st_rdev) differ(path, "device numbers differ");
        if (a.st_mtim.tv_sec != b.st_mtim.tv_sec || a.st_mtim.tv_nsec != b.st_mtim.tv_nsec)
            differ(path, "times differ");
    }

    static std::map<std::string, std::string> attributes(const std::string& path) {
        std::map<std::string, std::string> found;
        char list[65536];
        const ssize_t size = ::llistxattr(path.c_str(), list, sizeof list);
        for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::strlen(list + at)) + 1) {
            char value[65536];
            const ssize_t length = ::lgetxattr(path.c_str(), list + at, value, sizeof value);
            if (length >= 0) found[list + at] = std::string(value, static_cast<std::size_t>(length));
        }
        return found;
    }

    static std::string link(const std::string& path) {
        char target[4096];
        const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
        return length < 0 ? std::string{} : std::string(target, static_cast<std::size_t>(length));
    }

    // The first name met of a file stands for all of its names, on both sides.
    void note_links(const std::string& path, const struct stat& a, const struct stat& b) {
        if (a.st_nlink > 1) linked_.emplace_back(path, first_a_.try_emplace({a.st_dev, a.st_ino}, path).first->second);
        if (b.st_nlink > 1) first_of_b_[path] = first_b_.try_emplace({b.st_dev, b.st_ino}, path).first->second;
    }
    void compare_link_groups() {
        for (const auto& [path, first] : linked_) {
            const auto other = first_of_b_.find(path);
            const std::string& first_b = other == first_of_b_.end() ? path : other->second;
            if (first != first_b) differ(path, "is a hard link on one side only");
            if (other != first_of_b_.end()) first_of_b_.erase(other);
        }
        for (const auto& [path, first] : first_of_b_) {
            if (path != first) differ(path, "is a hard link on one side only");
        }
    }

    void content(const FilePair& file) {
        constexpr std::size_t kBlock = 1U << 20U;
        thread_local std::vector<char> block_a(kBlock), block_b(kBlock);
        const bench::Fd a = bench::open_or_stop(AT_FDCWD, (a_ + "/" + file.path).c_str(), O_RDONLY);
        const bench::Fd b = bench::open_or_stop(AT_FDCWD, (b_ + "/" + file.path).c_str(), O_RDONLY);
        for (std::uint64_t offset = 0; offset < file.size; offset += kBlock) {
            const std::size_t size = std::min<std::uint64_t>(kBlock, file.size - offset);
            bench::pread_or_stop(a.get(), block_a.data(), size, offset);
            bench::pread_or_stop(b.get(), block_b.data(), size, offset);
            if (std::memcmp(block_a.data(), block_b.data(), size) != 0) return differ(file.path, "contents differ");
        }
    }

    using Inode = std::pair<dev_t, ino_t>;

    std::string a_, b_;
    std::mutex mutex_;
    std::uint64_t differences_ = 0;
    std::vector<FilePair> files_;
    std::vector<std::pair<std::string, std::string>> linked_;
    std::map<std::string, std::string> first_of_b_;
    std::map<Inode, std::string> first_a_, first_b_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: same_tree A B\n", stderr);
        return 2;
    }
    return Comparer{argv[1], argv[2]}.run() ? 0 : 1;
}
