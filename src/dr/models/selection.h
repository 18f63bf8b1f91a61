#pragma once
// Selection: which files a BackupSpec means (SPEC 3), decided from names alone, with a reason for each answer.
//
// A walk starts at the workspace and asks decide() for each entry, top down; it goes into directories that are Selected
// or MaybeBelow and into no other. Then it walks each of outside_roots(), asking decide_outside(). An entry is left out
// if a rule matches it or any directory above it, also where the plan names it: overriding a rule takes an explicit
// option. Immutable; any thread may ask.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/models/backup_spec.h"
#include "dr/models/exclusion.h"
#include "dr/models/path_set.h"
#include "dr/models/relative_path.h"

namespace dr {

// Where the parts of a plan lie, relative to the workspace. Configuration; these are its defaults.
struct WorkspaceMapping {
    std::vector<std::string> catalog_directories{"data/catalog"};
    std::vector<std::string> audit_pack_directories{"audit_packs"};
    std::vector<std::string> config_paths{".env.example", "src/qnwis/config"};  // relative, or absolute
    std::vector<std::string> pii_patterns;                                      // globs, added to the default ones
};

enum class PathKind : std::uint8_t { File, Directory, Other };

// What the walk knows about an entry besides its name.
struct EntryFacts {
    PathKind kind = PathKind::File;
    bool has_cachedir_tag = false;  // a directory holding a valid CACHEDIR.TAG (content_marks.h)
    bool is_repository = false;     // same device and inode as the storage of this backup
    bool opens_repository = false;  // … or as a file that opens it: a key, key-encryption key or passphrase
};

enum class Verdict : std::uint8_t {
    Selected,    // store it; a directory: and look below
    MaybeBelow,  // a directory to look into; store it only if something below is stored
    Skipped,
};

struct Decision {
    Verdict verdict = Verdict::Skipped;
    SkipReason reason = SkipReason::NotSelected;  // where Skipped
    const ExclusionRule* rule = nullptr;          // the rule, where one decided; lives as long as the selection
};

// A place that the plan asks for: by its path, or as one of the places that the mapping gives a part of the plan.
struct SelectedPlace {
    std::string part;      // "paths", "audit_packs", "config", "catalog"
    RelativePath path;     // in the workspace; outside: the absolute path without the leading '/'
    bool outside = false;  // of the workspace
    bool named = false;    // by the plan itself: it is to be there
};

// A part of a plan of which something is to be stored, wherever its places are: "audit_packs", "config".
struct SelectedPart {
    std::string name;
    std::string first_path;  // in the snapshot
    bool operator==(const SelectedPart&) const = default;
};

// Places in Selection::parts(), a bit each.
using PartSet = std::uint8_t;

// A selected place outside the workspace.
struct OutsideRoot {
    std::string path;                         // absolute; "/" or without a '/' at its end
    const ExclusionRule* excluded = nullptr;  // set: a rule excludes a directory above it; do not walk it, say so
};

// A line of `plan --explain`.
struct Explanation {
    bool includes = false;
    std::string id;       // "dataset.LMIS_RETENTION_TS", "secret.env"
    std::string pattern;  // what it looks at
    std::string reason;   // SkipReason label; "selected" where it includes
    std::string text;
    bool operator==(const Explanation&) const = default;
};

class Selection {
public:
    // `workspace` is the absolute path of the workspace, without symlinks: absolute `paths` below it are part of it.
    // Fails with BadRequest for a path with '..', or a bad pattern.
    static Result<Selection> create(const BackupSpec& spec, const WorkspaceMapping& mapping,
                                    std::string_view workspace);

    // Decisions point into it.
    Selection(Selection&&) = default;
    Selection& operator=(Selection&&) = default;

    // For an entry of the workspace; the root is the workspace itself.
    Decision decide(const RelativePath& path, const EntryFacts& facts) const;
    // For an entry at or below an outside root: its absolute path without the leading '/', as the snapshot has it.
    Decision decide_outside(const RelativePath& path, const EntryFacts& facts) const;

    // False if nothing in the workspace is selected: no need to walk it.
    bool touches_workspace() const { return everything_ || !roots_.empty() || !catalogs_.empty(); }
    // In the order of a walk, none below another. One may contain the workspace: then what it holds appears by its full
    // path.
    const std::vector<OutsideRoot>& outside_roots() const { return outside_; }
    // All that is asked for, but for the whole workspace, so that the caller can say what is not there.
    const std::vector<SelectedPlace>& places() const { return places_; }
    // True if the entry of this absolute path, without symlinks on the way, is selected with all below, rules aside.
    bool selects(std::string_view absolute) const;

    const std::vector<SelectedPart>& parts() const { return parts_; }
    // Those that this entry belongs to. `outside`: the path is one for decide_outside().
    PartSet parts_of(const RelativePath& path, bool outside) const;

    const std::vector<Identifier>& datasets() const { return datasets_; }
    // Places in datasets() of the IDs that the name of this file contains, if it lies in a catalog.
    std::vector<std::size_t> datasets_of(const RelativePath& path) const;

    // Every rule, what selects first.
    std::vector<Explanation> explain() const;

private:
    Selection() = default;

    struct Part {
        std::string id;
        std::string text;
    };
    Result<void> add_parts(const BackupSpec& spec, const WorkspaceMapping& mapping);
    Result<void> add_place(std::string_view path, const Part& part, bool named);
    RelativePath inside_workspace(const RelativePath& absolute) const;
    Result<void> add_datasets(const BackupSpec& spec, const WorkspaceMapping& mapping);
    Result<void> add_exclusions(const BackupSpec& spec, const WorkspaceMapping& mapping);
    void settle();
    Decision unless_excluded(Verdict verdict, const RelativePath& path, const EntryFacts& facts) const;
    Verdict wanted(const RelativePath& path, PathKind kind) const;
    void explain_include(const Part& part, std::string pattern);

    RelativePath workspace_;  // its absolute path without the leading '/'
    bool everything_ = false;
    bool default_excludes_ = true;
    PathSet roots_;     // selected with all below
    PathSet catalogs_;  // searched for datasets
    PathSet outside_places_;
    std::vector<SelectedPlace> places_;
    std::vector<SelectedPart> parts_;
    std::vector<Identifier> datasets_;
    std::vector<OutsideRoot> outside_;
    std::vector<Explanation> includes_;
    ExclusionSet exclusions_;
    std::vector<ExclusionRule>
        special_;  // rules that no pattern decides: repository, CACHEDIR.TAG, what opens it, private key by content
};

// What became of the datasets of a selection. One of which nothing is stored is an error (SPEC 3). One per walk.
class DatasetTally {
public:
    explicit DatasetTally(const Selection& selection)
        : selection_(selection), found_(selection.datasets().size()), stored_(selection.datasets().size()) {}

    // A file that is there. Returns the places of its datasets in Selection::datasets(), for stored().
    std::vector<std::size_t> found(const RelativePath& file);
    void stored(std::span<const std::size_t> datasets);

    std::vector<Identifier> missing() const;   // nothing of it was stored
    std::vector<Identifier> left_out() const;  // … though something was found

private:
    const Selection& selection_;
    std::vector<bool> found_;
    std::vector<bool> stored_;
};

}  // namespace dr
