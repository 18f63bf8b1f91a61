#pragma once
// Exclusion rules: what is never backed up by default (SPEC 3), and what the user left out. Each rule can explain
// itself.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"
#include "dr/models/glob.h"

namespace dr {

// Why an entry is left out. Files are counted by it; the labels are the keys of `skipped` in `backup --json`.
enum class SkipReason : std::uint8_t {
    NotSelected,  // nothing in the plan asks for it: not counted
    Secret,       // "secret": credentials and key stores, by name
    PrivateKey,   // "private_key": by content (content_marks.h)
    Pii,          // "pii"
    Cache,        // "cache"
    Log,          // "log"
    Excluded,     // "excluded": the user's own pattern
    Repository,   // "repository": the storage of the backup itself
};
inline constexpr std::size_t kSkipReasons = 8;

std::string_view label(SkipReason reason);

struct ExclusionRule {
    std::string id;  // "secret.env"; unique in a selection
    std::string
        pattern;  // as in glob.h; for rules that no pattern decides, words in brackets: "[directory with CACHEDIR.TAG]"
    SkipReason reason = SkipReason::Excluded;
    std::string text;    // why, for people
    std::string except;  // a pattern that saves what the rule matches; empty: none
    bool operator==(const ExclusionRule&) const = default;
};

// The default rules that a pattern decides, secrets first. `pii_patterns` are the site's own, each checked as a glob.
std::vector<ExclusionRule> default_exclusion_rules(std::span<const std::string> pii_patterns = {});

// Compiled rules. Immutable; any thread may ask.
class ExclusionSet {
public:
    // Fails with BadRequest naming the pattern.
    static Result<ExclusionSet> create(std::vector<ExclusionRule> rules);

    // The first rule that matches the entry itself, or nullptr. Does not look at the directories above it: a walk has.
    const ExclusionRule* match(std::string_view path, bool is_directory) const;
    // The same, and the directories above it too.
    const ExclusionRule* match_or_above(std::string_view path, bool is_directory) const;

    std::span<const ExclusionRule> rules() const { return rules_; }

private:
    struct Compiled {
        Glob glob;
        std::optional<Glob> except;
    };
    std::vector<ExclusionRule> rules_;
    std::vector<Compiled> compiled_;  // as rules_
};

}  // namespace dr
