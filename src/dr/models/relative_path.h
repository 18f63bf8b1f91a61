#pragma once
// RelativePath: a place in a snapshot or below a restore target. Components joined by '/', as bytes: names need not be
// text.
//
// Always: no root, no empty component, no '.', no '..', no NUL, each component 1 to 255 bytes; any total length,
// because Linux makes deeper trees than PATH_MAX can name. So a RelativePath cannot leave the directory it is resolved
// in (symlinks are the business of whoever opens it). The default one is the directory itself: no components.

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"

namespace dr {

class RelativePath {
public:
    static constexpr std::size_t kMaxComponent = 255;

    RelativePath() = default;

    // Fails with `code`: BadRequest for what a user typed, Damaged for what a repository holds. Empty text fails.
    static Result<RelativePath> parse(std::string_view bytes, ErrorCode code = ErrorCode::BadRequest);

    // True if `name` may be a component.
    static bool is_component(std::string_view name);

    // This path, then one more component. Fails with `code` unless is_component(name).
    Result<RelativePath> join(std::string_view name, ErrorCode code = ErrorCode::BadRequest) const;
    // This path, then all of `below`.
    RelativePath join(const RelativePath& below) const;

    const std::string& bytes() const { return bytes_; }
    bool is_root() const { return bytes_.empty(); }
    std::string_view name() const;                     // the last component; empty for the root
    RelativePath parent() const;                       // the root's parent is the root
    std::vector<std::string_view> components() const;  // valid as long as this path

    // True if this is `ancestor` or lies below it. Everything is within the root.
    bool is_within(const RelativePath& ancestor) const;

    // Compares the bytes. That is not the order of a walk: 'a-b' comes before 'a/b'.
    auto operator<=>(const RelativePath&) const = default;

private:
    explicit RelativePath(std::string bytes) : bytes_(std::move(bytes)) {}
    std::string bytes_;
};

// A name for people: safe on a terminal, one line, unambiguous. Readable UTF-8 stays; control characters, escape
// sequences, invisible and direction-changing characters and bytes that are not UTF-8 become \n, \t, \r or \xNN; a
// backslash is doubled.
std::string printable(std::string_view bytes);
inline std::string printable(const RelativePath& path) { return printable(path.bytes()); }

}  // namespace dr
