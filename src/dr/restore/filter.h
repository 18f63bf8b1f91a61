#pragma once
// RestoreFilter: which entries of a snapshot are meant, by path, include and exclude patterns.
//
// An entry is selected if it lies at or below one of `paths` (none: everything), matches or lies below a match of one
// of `includes` (none: everything), and neither it nor a directory above it matches one of `excludes`. Directories
// above a selected entry are made with it, with their metadata; where they are there already they stay as they are.
// Immutable; any thread may ask.

#include <string_view>
#include <vector>

#include "dr/models/glob.h"
#include "dr/models/relative_path.h"

namespace dr {

class RestoreFilter {
public:
    enum class Answer : std::uint8_t {
        All,     // this entry and everything below it
        Most,    // a directory that is selected itself; not all below it is: ask for each entry
        Partly,  // a directory that is not: it is wanted if something below it is; ask for each entry
        Skip,    // neither this nor anything below
    };
    // Whether the answer selects the entry itself.
    static bool selected(Answer answer) { return answer == Answer::All || answer == Answer::Most; }

    RestoreFilter() = default;
    RestoreFilter(std::vector<RelativePath> paths, std::vector<Glob> includes, std::vector<Glob> excludes);

    bool selects_everything() const { return paths_.empty() && includes_.empty() && excludes_.empty(); }
    Answer ask(std::string_view path, bool is_directory) const;
    const std::vector<RelativePath>& paths() const { return paths_; }

private:
    Answer ask_paths(std::string_view path) const;
    Answer ask_includes(std::string_view path, bool is_directory) const;

    std::vector<RelativePath> paths_;  // sorted, none within another
    std::vector<Glob> includes_;
    std::vector<Glob> excludes_;
};

}  // namespace dr
