#include "dr/models/selection.h"

#include <algorithm>

#include "dr/base/check.h"
#include "dr/models/place.h"

namespace dr {
namespace {

constexpr std::size_t kRepositoryRule = 0;
constexpr std::size_t kCachedirRule = 1;
constexpr std::size_t kOpensRule = 2;

std::vector<ExclusionRule> special_rules(bool default_excludes) {
    std::vector<ExclusionRule> rules;
    rules.push_back(
        {"repository", "[the storage path]", SkipReason::Repository, "the storage of this backup itself", {}});
    if (!default_excludes) return rules;
    rules.push_back({"cache.cachedir_tag",
                     "[a directory with CACHEDIR.TAG]",
                     SkipReason::Cache,
                     "its owner says that it is a cache",
                     {}});
    rules.push_back({"secret.of_these_backups",
                     "[the key, key-encryption-key and passphrase files in use]",
                     SkipReason::Secret,
                     "what opens these backups: keep it apart from them",
                     {}});
    rules.push_back({"secret.private_key_content",
                     "[a file of at most 64 KiB with a private key in it]",
                     SkipReason::PrivateKey,
                     "a private key, or a key-encryption key of the backups, under another name",
                     {}});
    return rules;
}

}  // namespace

Result<Selection> Selection::create(const BackupSpec& spec, const WorkspaceMapping& mapping,
                                    std::string_view workspace) {
    const Place place = DR_TRY(parse_place(workspace));
    DR_CHECK(place.absolute);  // the caller resolved it
    Selection selection;
    selection.workspace_ = place.path;
    selection.default_excludes_ = spec.default_excludes;
    selection.special_ = special_rules(spec.default_excludes);
    DR_TRY(selection.add_parts(spec, mapping));
    DR_TRY(selection.add_exclusions(spec, mapping));
    selection.settle();
    return selection;
}

Result<void> Selection::add_parts(const BackupSpec& spec, const WorkspaceMapping& mapping) {
    DR_TRY(add_datasets(spec, mapping));
    if (spec.audit_packs) {
        for (const std::string& directory : mapping.audit_pack_directories) {
            DR_TRY(add_place(directory, {"audit_packs", "audit trail and evidence packages"}, false));
        }
    }
    if (spec.config) {
        for (const std::string& path : mapping.config_paths)
            DR_TRY(add_place(path, {"config", "configuration"}, false));
        for (const std::string& path : spec.config_paths) {
            DR_TRY(add_place(path, {"config", "configuration, named by the plan"}, true));
        }
    }
    for (const std::string& path : spec.paths) DR_TRY(add_place(path, {"paths", "named by the plan"}, true));

    const bool nothing_asked = spec.datasets.empty() && !spec.audit_packs && !spec.config && spec.paths.empty();
    if (nothing_asked)
        DR_TRY(add_place(".", {"workspace", "the plan selects nothing else, so the whole workspace"}, false));
    return {};
}

Result<void> Selection::add_datasets(const BackupSpec& spec, const WorkspaceMapping& mapping) {
    datasets_ = spec.datasets;
    if (datasets_.empty()) return {};
    for (const std::string& directory : mapping.catalog_directories) {
        const Place place = DR_TRY(parse_place(directory));
        if (place.absolute) {
            return Error{ErrorCode::BadRequest,
                         "catalog directory '" + printable(directory) + "' must be relative to the workspace"};
        }
        catalogs_.add(place.path);
        places_.push_back({.part = "catalog", .path = place.path, .outside = false, .named = false});
        for (const Identifier& id : datasets_) {
            explain_include({"dataset." + id.text(), "files of the catalog whose name contains the ID"},
                            printable(place.path) + "/**/*" + id.text() + "*");
        }
    }
    return {};
}

Result<void> Selection::add_place(std::string_view path, const Part& part, bool named) {
    const Place place = DR_TRY(parse_place(path));
    RelativePath inside = place.path;
    if (place.absolute) {
        if (!place.path.is_within(workspace_)) {
            outside_places_.add(place.path);
            places_.push_back({.part = part.id, .path = place.path, .outside = true, .named = named});
            explain_include(part, "/" + printable(place.path));
            return {};
        }
        inside = inside_workspace(place.path);
    }
    if (inside.is_root()) everything_ = true;
    if (!inside.is_root()) roots_.add(inside);
    if (!inside.is_root()) places_.push_back({.part = part.id, .path = inside, .outside = false, .named = named});
    explain_include(part, inside.is_root() ? "." : printable(inside));
    return {};
}

// The path as the workspace has it; it lies within.
RelativePath Selection::inside_workspace(const RelativePath& absolute) const {
    const std::size_t prefix = workspace_.is_root() ? 0 : workspace_.bytes().size() + 1;
    const std::string_view whole = absolute.bytes();
    if (whole.size() <= prefix) return {};
    return RelativePath::parse(whole.substr(prefix)).value();
}

bool Selection::selects(std::string_view absolute) const {
    const Result<Place> place = parse_place(absolute);
    if (!place.ok()) return false;
    if (outside_places_.covers(place.value().path)) return true;
    if (!place.value().path.is_within(workspace_)) return false;
    return everything_ || roots_.covers(inside_workspace(place.value().path));
}

PartSet Selection::parts_of(const RelativePath& path, bool outside) const {
    PartSet found = 0;
    if (parts_.empty()) return found;
    for (const SelectedPlace& place : places_) {
        const auto part = std::ranges::find(parts_, place.part, &SelectedPart::name);
        if (part == parts_.end() || place.outside != outside || !path.is_within(place.path)) continue;
        found |= static_cast<PartSet>(1U << static_cast<unsigned>(part - parts_.begin()));
    }
    return found;
}

void Selection::explain_include(const Part& part, std::string pattern) {
    includes_.push_back({true, part.id, std::move(pattern), "selected", part.text});
}

Result<void> Selection::add_exclusions(const BackupSpec& spec, const WorkspaceMapping& mapping) {
    std::vector<ExclusionRule> rules;
    if (spec.default_excludes) rules = default_exclusion_rules(mapping.pii_patterns);
    for (std::size_t i = 0; i < spec.exclude.size(); ++i) {
        rules.push_back(
            {"exclude_" + std::to_string(i + 1), spec.exclude[i], SkipReason::Excluded, "excluded by the plan", {}});
    }
    exclusions_ = DR_TRY(ExclusionSet::create(std::move(rules)));
    return {};
}

void Selection::settle() {
    for (const SelectedPlace& place : places_) {
        if (place.part != "audit_packs" && place.part != "config") continue;
        if (std::ranges::find(parts_, place.part, &SelectedPart::name) == parts_.end())
            parts_.push_back({place.part, place.path.bytes()});
    }
    for (const RelativePath& place : outside_places_.places()) {
        // Nobody asks about the directories above: the walk starts here.
        const ExclusionRule* above =
            place.is_root() ? nullptr : exclusions_.match_or_above(place.parent().bytes(), true);
        outside_.push_back({"/" + place.bytes(), above});
    }
}

Verdict Selection::wanted(const RelativePath& path, PathKind kind) const {
    if (everything_ || roots_.covers(path)) return Verdict::Selected;
    const bool in_catalog = catalogs_.covers(path);
    if (kind == PathKind::Directory) {
        return in_catalog || roots_.has_below(path) || catalogs_.has_below(path) ? Verdict::MaybeBelow
                                                                                 : Verdict::Skipped;
    }
    return in_catalog && !datasets_of(path).empty() ? Verdict::Selected : Verdict::Skipped;
}

Decision Selection::unless_excluded(Verdict verdict, const RelativePath& path, const EntryFacts& facts) const {
    const bool is_directory = facts.kind == PathKind::Directory;
    if (facts.is_repository) return {Verdict::Skipped, SkipReason::Repository, &special_[kRepositoryRule]};
    if (path.is_root()) return {verdict};  // whoever names the workspace means it, tagged as a cache or not
    if (default_excludes_ && is_directory && facts.has_cachedir_tag) {
        return {Verdict::Skipped, SkipReason::Cache, &special_[kCachedirRule]};
    }
    if (default_excludes_ && facts.opens_repository)
        return {Verdict::Skipped, SkipReason::Secret, &special_[kOpensRule]};
    const ExclusionRule* rule = exclusions_.match(path.bytes(), is_directory);
    if (rule != nullptr) return {Verdict::Skipped, rule->reason, rule};
    return {verdict};
}

Decision Selection::decide(const RelativePath& path, const EntryFacts& facts) const {
    const Verdict verdict = wanted(path, facts.kind);
    if (verdict == Verdict::Skipped) return {};
    return unless_excluded(verdict, path, facts);
}

Decision Selection::decide_outside(const RelativePath& path, const EntryFacts& facts) const {
    if (!outside_places_.covers(path)) return {};
    return unless_excluded(Verdict::Selected, path, facts);
}

std::vector<std::size_t> Selection::datasets_of(const RelativePath& path) const {
    std::vector<std::size_t> matching;
    if (!catalogs_.covers(path)) return matching;
    const std::string_view name = path.name();
    for (std::size_t i = 0; i < datasets_.size(); ++i) {
        if (name.find(datasets_[i].text()) != std::string_view::npos) matching.push_back(i);
    }
    return matching;
}

std::vector<Explanation> Selection::explain() const {
    std::vector<Explanation> all = includes_;
    const auto add = [&all](const ExclusionRule& rule) {
        const std::string saved = rule.except.empty() ? std::string{} : ", except '" + printable(rule.except) + "'";
        all.push_back({false, rule.id, printable(rule.pattern), std::string(label(rule.reason)), rule.text + saved});
    };
    for (const ExclusionRule& rule : exclusions_.rules()) add(rule);
    for (const ExclusionRule& rule : special_) add(rule);
    return all;
}

std::vector<std::size_t> DatasetTally::found(const RelativePath& file) {
    std::vector<std::size_t> datasets = selection_.datasets_of(file);
    for (const std::size_t i : datasets) found_[i] = true;
    return datasets;
}

void DatasetTally::stored(std::span<const std::size_t> datasets) {
    for (const std::size_t i : datasets) stored_[i] = true;
}

std::vector<Identifier> DatasetTally::missing() const {
    std::vector<Identifier> missing;
    for (std::size_t i = 0; i < stored_.size(); ++i) {
        if (!stored_[i]) missing.push_back(selection_.datasets()[i]);
    }
    return missing;
}

std::vector<Identifier> DatasetTally::left_out() const {
    std::vector<Identifier> left_out;
    for (std::size_t i = 0; i < stored_.size(); ++i) {
        if (found_[i] && !stored_[i]) left_out.push_back(selection_.datasets()[i]);
    }
    return left_out;
}

}  // namespace dr
