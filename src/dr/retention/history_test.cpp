// Random histories of several machines on one repository, compared with a model after every step: sessions that store
// beside each other, commits, forgetting, collections, power cuts anywhere and sudden jumps of the clock.
//
// The model is a map: which snapshot was acknowledged, and what it holds. After each step a machine that knows nothing
// opens the repository and must find each of them whole, and besides them only such as a power cut left unacknowledged,
// whole too.
//
// DR_TEST_HISTORY=SEED runs one again; DR_TEST_HISTORIES=N runs N (25, and 2,000 with DR_TEST_LONG=1).

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "dr/repository/testing/test_repository.h"
#include "dr/repository/tree_reader.h"
#include "dr/retention/collector.h"

namespace dr {
namespace {

using testing_support::content_of_size;
using testing_support::OpenedTestRepository;
using testing_support::TestRepository;

constexpr std::size_t kMachines = 3;
constexpr std::uint64_t kSteps = 60;
constexpr std::uint64_t kContents = 8;  // that files are chosen from, others as time goes on: most are stored already

using Files = std::set<std::uint64_t>;  // the contents of a snapshot

Bytes content(std::uint64_t which) { return content_of_size(which % 4 == 0 ? 20'000 : 300 + 50 * which, which); }

// One process with the repository open, and perhaps in the middle of a backup.
struct Machine {
    explicit Machine(TestRepository& test) : open(test) {}
    OpenedTestRepository open;
    std::unique_ptr<WriteSession> session;  // before `open` goes
    Files files;
};

class History {
public:
    explicit History(std::uint64_t seed) : test_(seed), draws_(seed ^ 0x5eed) {}

    void run() {
        ASSERT_TRUE(test_.create(*test_.store()).ok());
        for (; steps_ < kSteps && !::testing::Test::HasFailure(); ++steps_) {
            SCOPED_TRACE("step " + std::to_string(steps_));
            Machine& machine = machine_at(draw(kMachines));
            const bool cut = draw(8) == 0;
            if (cut) test_.disk.cut_power_before(test_.disk.operations() + draw(60));
            const Result<void> done = act(machine);
            if (test_.disk.power_was_cut() || cut)
                restart();
            else
                EXPECT_TRUE(done.ok()) << what_ << ": " << done.error().one_line();
            check();
        }
    }

    std::uint64_t power_cuts() const { return power_cuts_; }
    std::uint64_t removed() const { return removed_; }
    std::uint64_t acknowledged() const { return acknowledged_; }

private:
    std::uint64_t draw(std::uint64_t below) {
        std::uint64_t number = 0;
        const std::array<std::uint8_t, 8> bytes = draws_.array<8>();
        std::memcpy(&number, bytes.data(), sizeof number);
        return number % below;
    }

    Machine& machine_at(std::size_t at) {
        if (!machines_[at]) machines_[at] = std::make_unique<Machine>(test_);
        return *machines_[at];
    }

    Result<void> act(Machine& machine) {
        switch (draw(13)) {
            case 0:
            case 1: return begin(machine);
            case 2:
            case 3:
            case 4: return store(machine);
            case 5:
            case 6: return commit(machine);
            case 7:
            case 8: return forget(machine);
            case 9:
            case 10: return collect_now(machine);
            case 11: return sleep_long();
            default: return refresh(machine);
        }
    }

    Result<void> begin(Machine& machine) {
        what_ = "begin";
        machine.session = nullptr;  // killed, if it was there
        machine.files.clear();
        machine.session = DR_TRY(machine.open.session(draw(3) == 0 ? "other" : "spec"));
        return {};
    }

    Result<void> store(Machine& machine) {
        what_ = "store";
        if (!machine.session) DR_TRY(begin(machine));
        for (std::uint64_t i = draw(4); i-- > 0;) {
            const std::uint64_t which = draw(kContents) + steps_ / 4;
            machine.files.insert(which);
            const auto bytes = std::make_shared<const Bytes>(content(which));
            const BlobId id = machine.open.repository.keys().namer.name(BlobType::Data, sha256(*bytes));
            DR_TRY(machine.session->sink().add(BlobType::Data, id, {*bytes, bytes}));
        }
        return {};
    }

    static Entry file_of(std::uint64_t which) {
        const Bytes bytes = content(which);
        Entry file;
        file.name = std::to_string(1000 + which);
        file.size = bytes.size();
        file.content.form = FileContent::Form::Single;
        file.content.sha256 = sha256(bytes);
        return file;
    }

    Result<void> commit(Machine& machine) {
        what_ = "commit";
        if (!machine.session) DR_TRY(store(machine));
        const std::unique_ptr<WriteSession> session = std::move(machine.session);
        const Files files = std::exchange(machine.files, {});
        const TreeOutput output{session->sink(), machine.open.repository.keys().namer,
                                tree_seed(machine.open.repository.ring().k_chunk)};
        DirectoryWriter root{output};
        for (const std::uint64_t which : files) DR_TRY(root.add(file_of(which)));
        in_doubt_.push_back(files);
        const DirRef made = DR_TRY(root.finish());
        const Result<std::uint64_t> record = session->commit(machine.open.details(made, "spec", 30, false));
        if (record.ok()) {
            in_doubt_.pop_back();
            snapshots_[record.value()] = files;
            ++acknowledged_;
            return {};
        }
        // Somebody may have abandoned the session; then there is no snapshot.
        if (test_.disk.power_was_cut() || machine.open.repository.state().open_sessions().contains(session->id()))
            return record.error();
        in_doubt_.pop_back();
        return {};
    }

    Result<void> forget(Machine& machine) {
        what_ = "forget";
        if (snapshots_.empty()) return {};
        const auto chosen = std::next(snapshots_.begin(), static_cast<std::ptrdiff_t>(draw(snapshots_.size())));
        const std::uint64_t record = chosen->first;
        forgetting_ = *chosen;
        const Result<Appended> appended = machine.open.repository.log().append(
            machine.open.repository.actor(), test_.clock,
            [&](const State& state) -> Result<RecordPayload> {
                if (state.snapshot_at(record) == nullptr) return Error{ErrorCode::Conflict, "it is gone"};
                return RecordPayload{Forget{{{record, "test"}}}};
            },
            ErrorCode::Conflict);
        if (!appended.ok() && appended.error().code() != ErrorCode::Conflict) return appended.error();
        snapshots_.erase(record);
        forgetting_.reset();
        return {};
    }

    Result<void> collect_now(Machine& machine) {
        what_ = "collect";
        SilentMonitor monitor;
        const CollectOutcome outcome = DR_TRY(collect(machine.open.repository, machine.open.repository.actor(),
                                                      test_.clock, "", test_.host.host_name, monitor));
        removed_ += outcome.packs_removed + outcome.orphans_removed;
        return {};
    }

    // Long enough for sessions of others to count as dead.
    Result<void> sleep_long() {
        what_ = "sleep";
        test_.clock.advance(static_cast<std::int64_t>(1 + draw(9)) * kNanosecondsPerDay);
        return {};
    }

    Result<void> refresh(Machine& machine) {
        what_ = "refresh";
        return machine.open.repository.log().refresh();
    }

    void restart() {
        test_.disk.cut_power();
        for (auto& machine : machines_) machine = nullptr;
        test_.disk.restart();
        ++power_cuts_;
    }

    void check() {
        OpenedTestRepository open{test_};
        const auto& listed = open.repository.state().snapshots();
        // A forget without an answer may have come about.
        if (forgetting_) {
            if (!listed.contains(forgetting_->first)) snapshots_.erase(forgetting_->first);
            forgetting_.reset();
        }
        for (const auto& [record, files] : snapshots_) {
            if (!listed.contains(record)) ADD_FAILURE() << what_ << ": acknowledged snapshot " << record << " is gone";
        }
        for (const auto& [record, snapshot] : listed) {
            const Result<Files> read = read_back(open, snapshot);
            if (!read.ok()) {
                ADD_FAILURE() << what_ << ": snapshot " << record << ": " << read.error().one_line();
                continue;
            }
            const auto known = snapshots_.find(record);
            if (known != snapshots_.end()) {
                EXPECT_EQ(read.value(), known->second) << what_ << ": snapshot " << record;
                continue;
            }
            const auto doubt = std::ranges::find(in_doubt_, read.value());
            if (doubt == in_doubt_.end()) ADD_FAILURE() << what_ << ": nobody made snapshot " << record;
            snapshots_[record] = read.value();  // from now on it must stay
        }
        in_doubt_.clear();
    }

    static Result<Files> read_back(OpenedTestRepository& open, const Snapshot& snapshot) {
        const Commit commit = DR_TRY(open.repository.log().commit_of(snapshot));
        const Bytes plain = DR_TRY(open_record_body(open.repository.keys(), snapshot.session, commit.body, 1 << 20));
        const SnapshotBody body = DR_TRY(decode_snapshot_body(plain));
        const std::unique_ptr<PackSource> source = open_content(open.repository);
        DirectoryReader root{*source, body.root};
        Files files;
        while (const EntryView* entry = DR_TRY(root.next_view())) {
            const std::uint64_t which = std::stoull(std::string{entry->name}) - 1000;
            const Bytes bytes =
                DR_TRY(source->read(BlobType::Data, source->namer().name(BlobType::Data, entry->sha256)));
            if (bytes != content(which)) return Error{ErrorCode::Unsupported, "silently wrong bytes"};
            files.insert(which);
        }
        return files;
    }

    TestRepository test_;
    SeededRandom draws_;
    std::array<std::unique_ptr<Machine>, kMachines> machines_;
    std::map<std::uint64_t, Files> snapshots_;  // acknowledged, and not forgotten
    std::vector<Files> in_doubt_;               // commits without an answer
    std::optional<std::pair<std::uint64_t, Files>> forgetting_;
    std::string what_;
    std::uint64_t steps_ = 0;
    std::uint64_t power_cuts_ = 0;
    std::uint64_t removed_ = 0;
    std::uint64_t acknowledged_ = 0;
};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): before any thread
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(History, EveryAcknowledgedSnapshotStaysWhole) {
    const std::uint64_t only = number_from("DR_TEST_HISTORY", 0);
    const std::uint64_t first = only != 0 ? only : 1;
    const std::uint64_t count =
        only != 0 ? 1 : number_from("DR_TEST_HISTORIES", number_from("DR_TEST_LONG", 0) != 0 ? 2000 : 25);
    std::uint64_t power_cuts = 0;
    std::uint64_t removed = 0;
    std::uint64_t acknowledged = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("again: DR_TEST_HISTORY=" + std::to_string(seed) +
                     " dr_retention_test --gtest_filter='History.*'");
        History history{seed};
        history.run();
        if (HasFailure()) return;
        power_cuts += history.power_cuts();
        removed += history.removed();
        acknowledged += history.acknowledged();
    }
    std::printf("%llu histories: %llu snapshots acknowledged, %llu power cuts, %llu packs removed\n",
                static_cast<unsigned long long>(count), static_cast<unsigned long long>(acknowledged),
                static_cast<unsigned long long>(power_cuts), static_cast<unsigned long long>(removed));
    if (only != 0) return;
    // That it tried something at all.
    EXPECT_GT(acknowledged, count);
    EXPECT_GT(power_cuts, count);
    EXPECT_GT(removed, count / 2);
}

}  // namespace
}  // namespace dr
