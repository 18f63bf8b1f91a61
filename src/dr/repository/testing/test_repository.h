#pragma once
// A repository on a simulated disk, for tests: made with one key, opened again as often as one likes.

#include <memory>
#include <string>

#include "dr/keys/kek_file.h"
#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_disk.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/repository/tree_writer.h"
#include "dr/repository/write_session.h"
#include "dr/storage/local_store.h"

namespace dr::testing_support {

struct TestRepository {
    explicit TestRepository(std::uint64_t seed = 1, Encryption encryption = Encryption::Aes256Gcm)
        : disk(seed), random(seed), clock(Timestamp::from_seconds(1'800'000'000), 1'000'000), encryption_(encryption) {
        key = std::make_unique<NewSlot>(create_slot(KekFileVault{new_kek(random)}, random).value());
    }

    std::unique_ptr<LocalStore> store() { return LocalStore::open(disk, random, {"sim", 0}); }

    RepositoryConfig config() const {
        RepositoryConfig made;
        made.encryption = encryption_;
        made.created_at = Timestamp::from_seconds(1'800'000'000);
        made.pack_target = pack_target;
        made.solid_target = solid_target;
        made.small_limit = small_limit;
        return made;
    }
    Result<Repository> create(ObjectStore& objects) {
        return Repository::create(objects, config(), key->slot, key->opened, clock, random);
    }

    // Of the repository that create() makes.
    std::uint32_t pack_target = 64 << 10;
    std::uint32_t solid_target = 16 << 10;
    std::uint32_t small_limit = 8 << 10;

    SimDisk disk;
    SeededRandom random;
    SimClock clock;
    HostIdentity host{Bytes(16, 1), Bytes(16, 2), "host"};
    std::unique_ptr<NewSlot> key;

private:
    Encryption encryption_;
};

// One opening of it.
struct OpenedTestRepository {
    explicit OpenedTestRepository(TestRepository& made)
        : store(made.store()), repository(Repository::open(*store).value()), pool(2), test(made) {
        repository.unlock(test.key->slot, test.key->opened).value();
    }

    Result<std::unique_ptr<WriteSession>> session(const std::string& spec = "spec") {
        WriteSessionOptions options;
        options.spec_id = spec;
        options.tag = "daily";
        return WriteSession::open({repository, pool, test.host, test.clock, test.random}, options);
    }

    // Stores one file of these bytes and commits a snapshot of it.
    Result<std::uint64_t> backup(ByteSpan content, const std::string& spec = "spec", std::uint32_t retention_days = 30,
                                 bool worm = false) {
        std::unique_ptr<WriteSession> open = DR_TRY(session(spec));
        const DirRef root = DR_TRY(store_file(*open, content));
        return open->commit(details(root, spec, retention_days, worm));
    }

    Result<DirRef> store_file(WriteSession& open, ByteSpan content) {
        const TreeOutput output{open.sink(), repository.keys().namer, tree_seed(repository.ring().k_chunk)};
        Entry file;
        file.name = "file";
        file.size = content.size();
        file.content.form = FileContent::Form::Single;
        file.content.sha256 = sha256(content);
        const auto owned = std::make_shared<const Bytes>(content.begin(), content.end());
        DR_TRY(
            open.sink().add(BlobType::Data, output.namer.name(BlobType::Data, file.content.sha256), {*owned, owned}));
        DirectoryWriter writer{output};
        DR_TRY(writer.add(file));
        return writer.finish();
    }

    CommitDetails details(const DirRef& root, const std::string& spec, std::uint32_t retention_days, bool worm) {
        CommitDetails made;
        made.spec_id = Identifier::parse(spec).value();
        made.tag = Identifier::parse("daily").value();
        made.file_count = root.files;
        made.total_bytes = root.bytes;
        made.retention_days = retention_days;
        made.worm = worm;
        made.body.root = root;
        made.body.source = "/app";
        return made;
    }

    std::unique_ptr<LocalStore> store;
    Repository repository;
    TaskPool pool;
    TestRepository& test;
};

// Bytes that no other `which` gives.
inline Bytes content_of_size(std::size_t size, std::uint64_t which) {
    Bytes bytes(size);
    SeededRandom{which}.fill(bytes);
    return bytes;
}

}  // namespace dr::testing_support
