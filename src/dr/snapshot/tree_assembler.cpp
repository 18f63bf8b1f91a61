#include "dr/snapshot/tree_assembler.h"

#include "dr/models/relative_path.h"
#include "dr/repository/tree_reader.h"

namespace dr {

TreeAssembler::TreeAssembler(const TreeOutput& output, BlobSource* parent, Monitor& monitor)
    : output_(output), parent_(parent), monitor_(monitor) {
    frames_.push_back({.entry = {}, .writer = DirectoryWriter{output_}});
}

Result<void> TreeAssembler::take(BackupUnit& unit) {
    for (BackupItem& item : unit.items) {
        DR_TRY(std::visit([&](auto& one) { return handle(unit, one); }, item));
    }
    return {};
}

std::string TreeAssembler::path_of(std::string_view name) const {
    std::string path = path_;
    if (!path.empty()) path += '/';
    return path += name;
}

void TreeAssembler::report(std::string path, std::string reason) {
    monitor_.warning(printable(path), Error{ErrorCode::Io, reason});
    ++unreadable_count_;
    if (unreadable_.size() < kMaxUnreadableListed) unreadable_.push_back({std::move(path), std::move(reason)});
}

Result<void> TreeAssembler::add(Entry& entry) {
    DR_TRY(move_large_parts(entry, output_));
    frames_.back().filled = true;
    return frames_.back().writer.add(entry);
}

Result<void> TreeAssembler::handle(BackupUnit&, EnterItem& item) {
    const std::size_t above = path_.size();
    path_ = path_of(item.entry->name);
    frames_.push_back({.entry = std::move(*item.entry),
                       .writer = DirectoryWriter{output_},
                       .only_if_filled = item.only_if_filled,
                       .path_length = above});
    return {};
}

Result<void> TreeAssembler::handle(BackupUnit&, LeaveItem&) {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    DirRef directory = DR_TRY(frame.writer.finish());
    if (frames_.empty()) {
        root_ = std::move(directory);
        return {};
    }
    path_.resize(frame.path_length);
    if (frame.only_if_filled && !frame.filled) {
        // What was to be stored in it could not be read.
        ++totals_.entries_lost;
        ++totals_.directories_lost;
        return {};
    }
    frame.entry.directory = std::move(directory);
    return add(frame.entry);
}

Result<void> TreeAssembler::handle(BackupUnit&, CopyItem& item) {
    DR_CHECK(parent_ != nullptr);
    Frame& frame = frames_.back();
    DirectoryReader reader{*parent_, item.directory, item.owner};
    for (std::uint64_t i = 0; i < item.count; ++i) {
        const EntryView* entry = DR_TRY(reader.next_view());
        if (entry == nullptr) return Error{ErrorCode::Damaged, "a directory of the parent snapshot has changed"};
        DR_TRY(frame.writer.add(*entry));
    }
    frame.filled = true;
    return {};
}

Result<void> TreeAssembler::handle(BackupUnit& unit, RawItem& item) {
    const ByteSpan bytes = ByteSpan{unit.raw}.subspan(item.offset, item.name_length + item.length);
    frames_.back().filled = true;
    return frames_.back().writer.add_encoded(as_text(bytes.first(item.name_length)), bytes.subspan(item.name_length),
                                             item.files, item.bytes);
}

Result<void> TreeAssembler::handle(BackupUnit&, EntryItem& item) { return add(*item.entry); }

Result<void> TreeAssembler::handle(BackupUnit& unit, FileItem& item) {
    FileWork& work = unit.files[item.index];
    switch (work.outcome.kind) {
        case ReadOutcome::Kind::Unreadable:
            ++totals_.entries_lost;
            report(path_of(work.entry.name), work.outcome.reason);
            return {};
        case ReadOutcome::Kind::PrivateKey:
            ++totals_.entries_lost;
            ++totals_.private_keys;
            return {};
        case ReadOutcome::Kind::Stored: break;
    }
    ++(work.known_to_parent ? totals_.files_changed : totals_.files_new);
    totals_.bytes += work.entry.size;
    totals_.parts |= work.parts;
    totals_.datasets.insert(work.datasets.begin(), work.datasets.end());
    if (work.entry.changed_while_read)
        report(path_of(work.entry.name), "it changed while it was read and is stored as it was read last");
    if (!work.outcome.problem.empty()) report(path_of(work.entry.name), work.outcome.problem);
    return add(work.entry);
}

Result<void> TreeAssembler::handle(BackupUnit&, ProblemItem& item) {
    report(std::move(item.path), std::move(item.reason));
    return {};
}

Result<void> TreeAssembler::handle(BackupUnit&, WarningItem& item) {
    monitor_.warning(item.path, item.error);
    return {};
}

Result<void> TreeAssembler::handle(BackupUnit&, WholeItem& item) {
    root_ = std::move(item.root);
    return {};
}

}  // namespace dr
