#pragma once
// Manifest: the files of a snapshot with their plain SHA-256, in the export form of SPEC 5 and as `sha256sum -c` reads
// it.
//
// Written and read entry by entry: a million files need no memory.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/backup_spec.h"
#include "dr/models/identifier.h"
#include "dr/models/json.h"
#include "dr/models/relative_path.h"

namespace dr {

// A regular file. Hard links appear under each name; what has no content (directories, symlinks, devices) does not
// appear.
struct ManifestEntry {
    RelativePath path;  // "path", and "path_base64" if it is not UTF-8
    std::uint64_t size_bytes = 0;
    Sha256 sha256;
    bool encrypted = true;
    bool operator==(const ManifestEntry&) const = default;
};

struct ManifestHeader {
    static constexpr std::uint64_t kVersion = 1;
    std::uint64_t manifest_version = kVersion;
    Identifier snapshot_id;
    Timestamp created_at;
    Identifier spec_id;  // these three are "metadata"
    Identifier tag;
    Encryption encryption = Encryption::Aes256Gcm;
    bool operator==(const ManifestHeader&) const = default;
};

class ManifestWriter {
public:
    ManifestWriter(const ManifestHeader& header, JsonWriter::Sink sink, JsonLayout layout = JsonLayout::Indented);

    void add(const ManifestEntry& entry);
    bool ok() const { return json_.ok(); }  // false once the sink failed
    // Completes the document. Call once. Fails with the first error of the sink.
    Result<void> finish();

private:
    ManifestHeader header_;
    JsonWriter json_;
};

using ManifestVisitor = std::function<Result<void>(ManifestEntry&&)>;

// Calls `visit` for each entry in order, then returns the rest. Entries are visited before the whole text is known to
// be good. Texts up to 4 GiB. Fails with BadRequest, Unsupported (a newer manifest_version), or what `visit` fails
// with.
Result<ManifestHeader> parse_manifest(std::string_view json, const ManifestVisitor& visit);

struct Manifest {
    ManifestHeader header;
    std::vector<ManifestEntry> entries;
    bool operator==(const Manifest&) const = default;
};
Result<Manifest> parse_manifest(std::string_view json);
std::string print(const Manifest& manifest);

// "<sha256>  <path>\n" as GNU sha256sum writes and checks it: with a leading '\' and \n, \r, \\ where the name needs
// them.
std::string sha256sum_line(const Sha256& sha256, std::string_view path);

}  // namespace dr
