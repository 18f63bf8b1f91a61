#include "dr/platform/sim/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "dr/base/check.h"

namespace dr {

struct SimDisk::Node {
    bool directory = false;
    Bytes data;
    std::size_t synced = 0;  // so many of the first bytes are durable
    Entries entries;         // as everybody sees them
    Entries durable;         // as of the last sync
};

class SimDisk::File final : public DiskFile {
public:
    File(SimDisk& disk, std::shared_ptr<Node> node, std::string name, bool writable)
        : disk_(disk), node_(std::move(node)), name_(std::move(name)), epoch_(disk.epoch_), writable_(writable) {}

    Result<void> write(ByteSpan bytes) override {
        const std::lock_guard lock{disk_.mutex_};
        DR_CHECK(writable_);
        DR_TRY(begin("write"));
        if (disk_.write_failure_ != 0) return Error::from_errno(disk_.write_failure_, "cannot write '" + name_ + "'");
        append(node_->data, bytes);
        return {};
    }
    void start_writeback(std::uint64_t, std::uint64_t) override {}
    Result<void> sync() override {
        const std::lock_guard lock{disk_.mutex_};
        Result<void> may = begin("sync");
        if (may.ok() && disk_.sync_failure_ != 0)
            may = Error::from_errno(disk_.sync_failure_, "cannot sync '" + name_ + "'");
        // As Linux does it: pages that could not be written are clean from now on, and their content is anybody's
        // guess.
        if (may.ok())
            node_->synced = node_->data.size();
        else if (!disk_.power_is_cut_ && epoch_ == disk_.epoch_)
            disk_.lose_bytes(*node_);
        return may;
    }
    Result<std::size_t> read_at(std::uint64_t offset, MutableByteSpan into) override {
        const std::lock_guard lock{disk_.mutex_};
        DR_TRY(begin("read"));
        if (offset >= node_->data.size()) return std::size_t{0};
        const std::size_t count =
            std::min<std::size_t>(into.size(), node_->data.size() - static_cast<std::size_t>(offset));
        std::copy_n(node_->data.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
        return count;
    }
    Result<std::uint64_t> size() override {
        const std::lock_guard lock{disk_.mutex_};
        DR_TRY(begin("look at"));
        return std::uint64_t{node_->data.size()};
    }

private:
    Result<void> begin(std::string_view doing) {
        if (epoch_ != disk_.epoch_)
            return Error::from_errno(EBADF, "cannot " + std::string{doing} + " '" + name_ + "'");
        return disk_.begin(doing, name_);
    }

    SimDisk& disk_;
    const std::shared_ptr<Node> node_;
    const std::string name_;
    const std::uint64_t epoch_;
    const bool writable_;
};

namespace {

Error failed(int number, std::string_view doing, std::string_view path) {
    return Error::from_errno(number, "cannot " + std::string{doing} + " '" + std::string{path} + "'");
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

SimDisk::SimDisk(std::uint64_t seed) : root_(std::make_shared<Node>()), random_(seed) { root_->directory = true; }
SimDisk::~SimDisk() = default;

std::uint64_t SimDisk::draw(std::uint64_t below) {
    // SplitMix64.
    random_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = random_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % below;
}

void SimDisk::cut_power_before(std::uint64_t step) {
    const std::lock_guard lock{mutex_};
    cut_before_ = step;
}

void SimDisk::cut_power() {
    const std::lock_guard lock{mutex_};
    power_is_cut_ = true;
}

bool SimDisk::power_was_cut() const {
    const std::lock_guard lock{mutex_};
    return power_is_cut_;
}

void SimDisk::fail_at(std::uint64_t step, int number) {
    const std::lock_guard lock{mutex_};
    failures_[step] = number;
}

void SimDisk::fail_syncs(int number) {
    const std::lock_guard lock{mutex_};
    sync_failure_ = number;
}

void SimDisk::fail_writes(int number) {
    const std::lock_guard lock{mutex_};
    write_failure_ = number;
}

std::uint64_t SimDisk::operations() const {
    const std::lock_guard lock{mutex_};
    return operations_;
}

Result<void> SimDisk::begin(std::string_view doing, std::string_view path) {
    const std::uint64_t step = operations_++;
    if (step >= cut_before_) power_is_cut_ = true;
    if (power_is_cut_)
        return Error{ErrorCode::Io, "cannot " + std::string{doing} + " '" + std::string{path} + "': the power is cut"};
    if (const auto found = failures_.find(step); found != failures_.end()) return failed(found->second, doing, path);
    return {};
}

void SimDisk::lose_bytes(Node& file) {
    const std::size_t unsynced = file.data.size() - file.synced;
    const auto after_synced = file.data.begin() + static_cast<std::ptrdiff_t>(file.synced);
    switch (draw(4)) {
        case 0: break;                                 // written out in time
        case 1: file.data.resize(file.synced); break;  // not even begun
        case 2: file.data.resize(file.synced + draw(unsynced + 1)); break;
        default:
            std::fill(after_synced + static_cast<std::ptrdiff_t>(draw(unsynced + 1)), file.data.end(), std::uint8_t{0});
    }
    file.synced = file.data.size();
}

void SimDisk::lose_unsynced(Node& directory) {
    std::set<std::string, std::less<>> names;
    for (const auto& [name, node] : directory.entries) names.insert(name);
    for (const auto& [name, node] : directory.durable) names.insert(name);
    Entries left;
    for (const std::string& name : names) {
        const auto now = directory.entries.find(name);
        const auto then = directory.durable.find(name);
        const std::shared_ptr<Node> newer = now == directory.entries.end() ? nullptr : now->second;
        const std::shared_ptr<Node> older = then == directory.durable.end() ? nullptr : then->second;
        const std::shared_ptr<Node>& survivor = newer != older && draw(2) == 0 ? older : newer;
        if (survivor) left[name] = survivor;
    }
    directory.entries = left;
    directory.durable = std::move(left);
    for (const auto& [name, node] : directory.entries) {
        if (node->directory)
            lose_unsynced(*node);
        else
            lose_bytes(*node);
    }
}

void SimDisk::restart() {
    const std::lock_guard lock{mutex_};
    lose_unsynced(*root_);
    power_is_cut_ = false;
    cut_before_ = UINT64_MAX;
    failures_.clear();
    ++epoch_;
}

Result<std::shared_ptr<SimDisk::Node>> SimDisk::find(std::string_view path) const {
    DR_CHECK(is_disk_path(path));
    std::shared_ptr<Node> at = root_;
    std::string_view rest = path;
    while (!rest.empty()) {
        if (!at->directory) return failed(ENOTDIR, "open", path);
        const std::size_t slash = rest.find('/');
        const auto found = at->entries.find(rest.substr(0, slash));
        if (found == at->entries.end()) return failed(ENOENT, "open", path);
        at = found->second;
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    }
    return at;
}

Result<std::shared_ptr<SimDisk::Node>> SimDisk::parent_of(std::string_view path) const {
    DR_CHECK(!path.empty());
    const std::size_t slash = path.rfind('/');
    std::shared_ptr<Node> parent =
        DR_TRY(find(slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash)));
    if (!parent->directory) return failed(ENOTDIR, "open", path);
    return parent;
}

Result<Bytes> SimDisk::content(std::string_view path) const {
    const std::lock_guard lock{mutex_};
    return DR_TRY(find(path))->data;
}

Result<void> SimDisk::overwrite(std::string_view path, ByteSpan bytes) {
    const std::lock_guard lock{mutex_};
    const std::shared_ptr<Node> node = DR_TRY(find(path));
    node->data.assign(bytes.begin(), bytes.end());
    node->synced = bytes.size();
    return {};
}

Result<std::unique_ptr<DiskFile>> SimDisk::create(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("create", path));
    const std::shared_ptr<Node> parent = DR_TRY(parent_of(path));
    auto [entry, is_new] = parent->entries.try_emplace(std::string{last_part(path)});
    if (!is_new) return failed(EEXIST, "create", path);
    entry->second = std::make_shared<Node>();
    return std::unique_ptr<DiskFile>{std::make_unique<File>(*this, entry->second, std::string{path}, true)};
}

Result<std::unique_ptr<DiskFile>> SimDisk::open(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("open", path));
    std::shared_ptr<Node> node = DR_TRY(find(path));
    if (node->directory) return Error{ErrorCode::Io, "'" + std::string{path} + "' is not a regular file"};
    return std::unique_ptr<DiskFile>{std::make_unique<File>(*this, std::move(node), std::string{path}, false)};
}

Result<void> SimDisk::link(std::string_view from, std::string_view to) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("link", to));
    const std::shared_ptr<Node> node = DR_TRY(find(from));
    const std::shared_ptr<Node> parent = DR_TRY(parent_of(to));
    if (!parent->entries.try_emplace(std::string{last_part(to)}, node).second) return failed(EEXIST, "link", to);
    return {};
}

Result<void> SimDisk::rename(std::string_view from, std::string_view to) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("rename", from));
    const std::shared_ptr<Node> node = DR_TRY(find(from));
    const std::shared_ptr<Node> target = DR_TRY(parent_of(to));
    DR_TRY(parent_of(from))->entries.erase(std::string{last_part(from)});
    target->entries[std::string{last_part(to)}] = node;
    return {};
}

Result<void> SimDisk::unlink(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("remove", path));
    if (DR_TRY(find(path))->directory) return failed(EISDIR, "remove", path);
    DR_TRY(parent_of(path))->entries.erase(std::string{last_part(path)});
    return {};
}

Result<void> SimDisk::make_directory(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("make the directory", path));
    const std::shared_ptr<Node> parent = DR_TRY(parent_of(path));
    auto [entry, is_new] = parent->entries.try_emplace(std::string{last_part(path)});
    if (!is_new) return failed(EEXIST, "make the directory", path);
    entry->second = std::make_shared<Node>();
    entry->second->directory = true;
    return {};
}

Result<void> SimDisk::sync_directory(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("sync the directory", path));
    if (sync_failure_ != 0) return failed(sync_failure_, "sync the directory", path);
    const std::shared_ptr<Node> node = DR_TRY(find(path));
    if (!node->directory) return failed(ENOTDIR, "sync the directory", path);
    node->durable = node->entries;
    return {};
}

Result<DiskStat> SimDisk::stat(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("look at", path));
    const std::shared_ptr<Node> node = DR_TRY(find(path));
    return DiskStat{node->directory ? DiskKind::Directory : DiskKind::File, node->data.size(), Timestamp{}};
}

Result<std::vector<DiskEntry>> SimDisk::list(std::string_view path) {
    const std::lock_guard lock{mutex_};
    DR_TRY(begin("list", path));
    const std::shared_ptr<Node> node = DR_TRY(find(path));
    if (!node->directory) return failed(ENOTDIR, "list", path);
    std::vector<DiskEntry> entries;
    for (const auto& [name, child] : node->entries) {
        entries.push_back({name, child->directory ? DiskKind::Directory : DiskKind::File});
    }
    return entries;
}

}  // namespace dr
