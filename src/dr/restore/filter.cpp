#include "dr/restore/filter.h"

#include <algorithm>

namespace dr {
namespace {

bool holds(const std::vector<RelativePath>& sorted, std::string_view path) {
    const auto at =
        std::ranges::lower_bound(sorted, path, {}, [](const RelativePath& p) { return std::string_view{p.bytes()}; });
    return at != sorted.end() && at->bytes() == path;
}

// True if one of the paths is `path` or a directory above it.
bool covers(const std::vector<RelativePath>& sorted, std::string_view path) {
    if (holds(sorted, path)) return true;
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
        if (holds(sorted, path.substr(0, slash))) return true;
    }
    return false;
}

}  // namespace

RestoreFilter::RestoreFilter(std::vector<RelativePath> paths, std::vector<Glob> includes, std::vector<Glob> excludes)
    : includes_(std::move(includes)), excludes_(std::move(excludes)) {
    std::ranges::sort(paths);
    for (RelativePath& path : paths) {
        if (path.is_root()) {  // everything: as if no path had been named
            paths_.clear();
            return;
        }
        if (!covers(paths_, path.bytes())) paths_.push_back(std::move(path));
    }
}

RestoreFilter::Answer RestoreFilter::ask_paths(std::string_view path) const {
    if (paths_.empty()) return Answer::All;
    if (covers(paths_, path)) return Answer::All;
    const std::string below = std::string{path} + '/';
    const auto first = std::ranges::lower_bound(paths_, below, {}, [](const RelativePath& p) { return p.bytes(); });
    if (first != paths_.end() && first->bytes().starts_with(below)) return Answer::Partly;
    return Answer::Skip;
}

RestoreFilter::Answer RestoreFilter::ask_includes(std::string_view path, bool is_directory) const {
    if (includes_.empty()) return Answer::All;
    Answer answer = Answer::Skip;
    for (const Glob& glob : includes_) {
        if (glob.matches_or_above(path, is_directory)) return Answer::All;
        if (is_directory && glob.may_match_below(path)) answer = Answer::Partly;
    }
    return answer;
}

RestoreFilter::Answer RestoreFilter::ask(std::string_view path, bool is_directory) const {
    const auto excluded = [&](const Glob& glob) { return glob.matches_or_above(path, is_directory); };
    if (std::ranges::any_of(excludes_, excluded)) return Answer::Skip;
    const Answer by_path = ask_paths(path);
    if (by_path == Answer::Skip || (by_path == Answer::Partly && !is_directory)) return Answer::Skip;
    const Answer by_pattern = ask_includes(path, is_directory);
    if (by_pattern == Answer::Skip) return Answer::Skip;
    if (by_path == Answer::Partly || by_pattern == Answer::Partly) return Answer::Partly;
    // An exclude may still take something away below.
    return is_directory && !excludes_.empty() ? Answer::Most : Answer::All;
}

}  // namespace dr
