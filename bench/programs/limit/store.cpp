#include "limit/store.h"

#include <algorithm>

namespace bench {
namespace {

// Small enough that the disk works while the cores do, large enough that opening files costs nothing.
constexpr std::uint64_t kPackSize = 16U << 20U;

std::string pack_name(std::uint32_t number) { return "pack" + std::to_string(number); }

}  // namespace

Syncer::Syncer() : thread_([this] { run(); }) {}

void Syncer::add(Fd pack) {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(pack));
    changed_.notify_one();
}

void Syncer::finish() {
    {
        const std::lock_guard lock{mutex_};
        is_closed_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void Syncer::run() {
    for (;;) {
        std::vector<Fd> packs;
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock, [this] { return is_closed_ || !waiting_.empty(); });
            if (waiting_.empty()) return;
            packs.swap(waiting_);
        }
        for (const Fd& pack : packs) {
            if (::fdatasync(pack.get()) != 0) stop("cannot make a pack durable");
        }
    }
}

Output::Output(const std::string& path) : directory(open_or_stop(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY)) {}

void Output::finish() {
    syncer.finish();
    const Fd index = open_or_stop(directory.get(), "index", O_WRONLY | O_CREAT | O_EXCL, 0600);
    write_or_stop(index.get(), places.data(), places.size() * sizeof(FramePlace));
    bytes_written += places.size() * sizeof(FramePlace);
    if (::fdatasync(index.get()) != 0 || ::fsync(directory.get()) != 0) stop("cannot make the index durable");
}

void PackWriter::write(FrameKind kind, std::uint32_t number, std::span<const unsigned char> plain) {
    if (!pack_.is_open()) {
        pack_number_ = output_.next_pack++;
        pack_ =
            open_or_stop(output_.directory.get(), pack_name(pack_number_).c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
        pack_size_ = 0;
    }
    const std::span<const unsigned char> sealed = sealer_.seal(plain, number);
    write_or_stop(pack_.get(), sealed.data(), sealed.size());
    places_.push_back(
        {kind, number, pack_number_, static_cast<std::uint32_t>(sealed.size()), pack_size_, plain.size()});
    pack_size_ += sealed.size();
    output_.bytes_written += sealed.size();
    if (pack_size_ >= kPackSize) {
        output_.syncer.add(std::move(pack_));
        pack_ = Fd{};
    }
}

void PackWriter::flush(Notes& notes) {
    if (notes.size() == 0) return;
    write(FrameKind::Notes, reserve_number(), notes.bytes());
    notes.clear();
}

void PackWriter::finish() {
    if (pack_.is_open()) output_.syncer.add(std::move(pack_));
    pack_ = Fd{};
    const std::lock_guard lock{output_.mutex};
    output_.places.insert(output_.places.end(), places_.begin(), places_.end());
    places_.clear();
}

Input::Input(const std::string& path) {
    const Fd directory = open_or_stop(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    const Fd index = open_or_stop(directory.get(), "index", O_RDONLY);
    struct stat status{};
    if (::fstat(index.get(), &status) != 0) stop("cannot read the index");
    places_.resize(static_cast<std::size_t>(status.st_size) / sizeof(FramePlace));
    pread_or_stop(index.get(), places_.data(), places_.size() * sizeof(FramePlace), 0);

    std::uint32_t packs = 0;
    for (const FramePlace& place : places_) packs = std::max(packs, place.pack + 1);
    for (std::uint32_t i = 0; i < packs; ++i)
        packs_.push_back(open_or_stop(directory.get(), pack_name(i).c_str(), O_RDONLY));
    std::ranges::sort(places_, [](const FramePlace& a, const FramePlace& b) {
        return std::pair{a.pack, a.offset} < std::pair{b.pack, b.offset};
    });
}

std::span<const unsigned char> Input::read(const FramePlace& place, Sealer& sealer, std::vector<unsigned char>& sealed,
                                           std::vector<unsigned char>& plain) const {
    sealed.resize(std::max<std::size_t>(sealed.size(), place.sealed_size));
    plain.resize(std::max<std::size_t>(plain.size(), place.plain_size));
    pread_or_stop(packs_[place.pack].get(), sealed.data(), place.sealed_size, place.offset);
    sealer.unseal({sealed.data(), place.sealed_size}, place.number, {plain.data(), place.plain_size});
    return {plain.data(), place.plain_size};
}

}  // namespace bench
