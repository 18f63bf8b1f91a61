// What opening costs beside many blobs and many snapshots: makes a repository of small blobs in as many snapshots, then
// opens it as a backup does, several times, in this process. The key is a key-encryption-key file's: no derivation.
//
//   open_benchmark [--blobs N] [--snapshots N] [--reps N] [--directory DIR]

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dr/keys/kek_file.h"
#include "dr/platform/posix/clock.h"
#include "dr/platform/posix/host.h"
#include "dr/platform/posix/random.h"
#include "dr/repository/write_session.h"
#include "dr/storage/open_store.h"
#include "programs/support.h"

namespace {

using namespace dr;

struct Machine {
    PosixClock clock;
    PosixRandom random;
    HostIdentity host = read_host_identity();
    NewSlot key = create_slot(KekFileVault{new_kek(random)}, random).value();
};

CommitDetails details(std::uint64_t blobs) {
    CommitDetails made;
    made.spec_id = Identifier::parse("open").value();
    made.tag = Identifier::parse("daily").value();
    made.file_count = blobs;
    made.retention_days = 30;
    made.body.source = "/open";
    return made;
}

// One opening, from the storage's location to a session that found `wanted` and can store.
struct Opening {
    explicit Opening(Machine& machine, const std::string& directory)
        : store(open_store(directory, {}, machine.random).value()), repository(Repository::open(*store).value()) {
        repository.unlock(machine.key.slot, machine.key.opened).value();
    }
    std::unique_ptr<WriteSession> session(Machine& machine, TaskPool& pool) {
        WriteSessionOptions options;
        options.spec_id = "open";
        options.tag = "daily";
        return WriteSession::open({repository, pool, machine.host, machine.clock, machine.random}, options).value();
    }
    BlobId name(std::uint64_t number) const {
        std::array<std::uint8_t, 8> bytes;
        std::memcpy(bytes.data(), &number, 8);
        return repository.keys().namer.name(BlobType::Data, sha256(bytes));
    }

    std::unique_ptr<ObjectStore> store;
    Repository repository;
};

void add(Opening& opening, WriteSession& session, std::uint64_t number) {
    auto bytes = std::make_shared<Bytes>(24);
    std::memcpy(bytes->data(), &number, 8);
    session.sink().add(BlobType::Data, opening.name(number), {*bytes, bytes}).value();
}

void make(Machine& machine, const std::string& directory, std::uint64_t blobs, std::uint64_t snapshots) {
    OpenStoreOptions options;
    options.create = true;
    const std::unique_ptr<ObjectStore> store = open_store(directory, options, machine.random).value();
    RepositoryConfig config;
    config.created_at = machine.clock.now();
    Repository::create(*store, config, machine.key.slot, machine.key.opened, machine.clock, machine.random).value();
    TaskPool pool{1};
    std::uint64_t number = 0;
    for (std::uint64_t i = 0; i < snapshots; ++i) {
        Opening opening{machine, directory};
        const std::unique_ptr<WriteSession> session = opening.session(machine, pool);
        const std::uint64_t end = blobs * (i + 1) / snapshots;
        const std::uint64_t first = number;
        for (; number < end; ++number) add(opening, *session, number);
        session->commit(details(number - first)).value();
    }
}

double milliseconds_since(double start) { return (bench::seconds_now() - start) * 1e3; }

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const std::uint64_t blobs = std::stoull(bench::take_option(arguments, "--blobs", "10000000"));
    const std::uint64_t snapshots = std::stoull(bench::take_option(arguments, "--snapshots", "1000"));
    const std::uint64_t reps = std::stoull(bench::take_option(arguments, "--reps", "5"));
    const std::string directory = bench::take_option(arguments, "--directory", "/dev/shm/open_benchmark");

    Machine machine;
    const double start = bench::seconds_now();
    make(machine, directory, blobs, snapshots);
    std::printf("made %llu blobs in %llu snapshots in %.1f s\n", static_cast<unsigned long long>(blobs),
                static_cast<unsigned long long>(snapshots), milliseconds_since(start) / 1e3);
    std::printf("%10s %14s %18s   ms from the start\n", "opened", "session open", "1000 blobs found");
    for (std::uint64_t i = 0; i < reps; ++i) {
        TaskPool pool{1};
        const double begin = bench::seconds_now();
        Opening opening{machine, directory};
        const double opened = milliseconds_since(begin);
        const std::unique_ptr<WriteSession> session = opening.session(machine, pool);
        const double ready = milliseconds_since(begin);
        for (std::uint64_t j = 0; j < 1000; ++j) add(opening, *session, (j * 7919 + i) % blobs);
        const double found = milliseconds_since(begin);
        std::printf("%10.1f %14.1f %18.1f   %llu stored anew\n", opened, ready, found,
                    static_cast<unsigned long long>(session->sink().totals().blobs_stored));
        session->abandon().value();
    }
    std::filesystem::remove_all(directory);
}
