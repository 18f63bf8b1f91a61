#include "dr/storage/open_store.h"

#include <array>

#include "dr/base/hex.h"
#include "dr/base/shell_word.h"
#include "dr/platform/posix/posix_disk.h"
#include "dr/platform/posix/small_file.h"
#include "dr/storage/local_store.h"

namespace dr {
namespace {

struct Scheme {
    std::string_view start;
    std::string_view what;
};
constexpr std::array<Scheme, 5> kCloudSchemes{{{"s3://", "S3 buckets"},
                                               {"azblob://", "Azure containers"},
                                               {"gs://", "Google Cloud buckets"},
                                               {"sftp://", "SFTP servers"},
                                               {"rclone:", "rclone remotes"}}};

// Those of a repository that is about to be made (FORMAT 2).
constexpr std::array<std::string_view, 8> kDirectories{
    "keys", "log", "log-archive", "checkpoints", "checkpoints/pages", "packs", "index", "tmp"};

Error not_yet(std::string_view what) {
    return Error{ErrorCode::Unsupported, std::string{what} + " come with a later version"}
        .means("this version stores in local directories only")
        .next("qnwis_dr init --storage-path /mnt/backups");
}

Error bad(std::string_view location, std::string_view why) {
    return Error{ErrorCode::BadRequest, "'" + std::string{location} + "' is no storage location: " + std::string{why}};
}

Result<std::string> decoded(std::string_view location, std::string_view text) {
    std::string path;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            path += text[at];
            continue;
        }
        std::string digits{text.substr(at + 1, 2)};
        for (char& c : digits) {
            if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        }
        const Result<Bytes> byte = parse_hex(digits);
        if (!byte.ok() || byte.value().size() != 1 || byte.value()[0] == 0)
            return bad(location, "'%' is followed by two hexadecimal digits");
        path += static_cast<char>(byte.value()[0]);
        at += 2;
    }
    return path;
}

Result<StorageLocation> parse_url(std::string_view location) {
    for (const Scheme& scheme : kCloudSchemes) {
        if (location.starts_with(scheme.start)) return not_yet(scheme.what);
    }
    constexpr std::string_view kFile = "file://";
    if (!location.starts_with(kFile)) return bad(location, "its scheme is not known");
    const std::string_view path = location.substr(kFile.size());
    if (!path.starts_with('/')) return bad(location, "a file URL has three slashes and an absolute path");
    return StorageLocation{StoreKind::Local, DR_TRY(decoded(location, path))};
}

bool is_url(std::string_view location) {
    const std::size_t colon = location.find(':');
    if (colon == 0 || colon == std::string_view::npos) return false;
    return location.starts_with("rclone:") || location.substr(colon).starts_with("://");
}

Result<void> make_directories(LocalStore& store) {
    for (const std::string_view name : kDirectories) DR_TRY(store.make_directory(name));
    return store.sync();
}

}  // namespace

Result<StorageLocation> parse_storage_location(std::string_view location, std::string_view backend) {
    if (location.empty()) return Error{ErrorCode::BadRequest, "the storage path is empty"};
    if (location.find('\0') != std::string_view::npos)
        return Error{ErrorCode::BadRequest, "the storage path holds a zero byte"};
    if (backend == "archive") return not_yet("archives");
    if (!backend.empty() && backend != "local" && backend != "object_store") {
        return Error{ErrorCode::BadRequest,
                     "'" + std::string{backend} + "' is no backend: local, archive or object_store"};
    }
    const bool url = is_url(location);
    const bool file_url = url && location.starts_with("file:");
    if (backend == "local" && url && !file_url) return bad(location, "it is an URL, and the backend is local");
    if (backend == "object_store") return not_yet("object stores");
    if (url) return parse_url(location);
    return StorageLocation{StoreKind::Local, std::string{location}};
}

Result<std::unique_ptr<ObjectStore>> open_store(std::string_view location, const OpenStoreOptions& options,
                                                Random& random) {
    StorageLocation parsed = DR_TRY(parse_storage_location(location, options.backend));
    if (options.create) DR_TRY(PosixDisk::make_root(parsed.path));
    // One place has one name, however it is typed: what is remembered of it (pins) is found by that name.
    if (Result<std::string> real = real_path(parsed.path); real.ok()) parsed.path = std::move(real).value();
    Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open_root(parsed.path);
    if (!disk.ok() && disk.error().code() == ErrorCode::NotFound) {
        return Error{ErrorCode::NotFound, "there is no storage directory '" + parsed.path + "'"}
            .means("nothing was written; if it is on a disk of its own, that disk may not be mounted")
            .next("qnwis_dr init --storage-path " + shell_quoted(parsed.path));
    }
    if (!disk.ok()) return std::move(disk).error();
    std::unique_ptr<LocalStore> store =
        LocalStore::open(std::unique_ptr<Disk>{std::move(disk).value()}, random, {.location = parsed.path});
    if (options.create) DR_TRY(make_directories(*store));
    return std::unique_ptr<ObjectStore>{std::move(store)};
}

}  // namespace dr
