#pragma once
// Glob: a pattern on paths, used to exclude, include and find.
//
//   *        any characters of one component, also none      ?       one character
//   **       as a component: any number of components        [a-z]   one of these, [!a-z] none of these, never '/'
//   \x       the character x itself
//   name     without '/': the last component, at any depth
//   a/b      these components at the end of a path, at any depth
//   /a/b     anchored: from the root of the workspace (or of the file system, for paths outside it)
//   a/       directories only
//   a/**     everything below a, not a itself
//
// Characters are UTF-8 characters; a byte that is not UTF-8 is a character of its own. Matching takes time proportional
// to path length times pattern length, whatever the pattern; the usual patterns (a name, *.suffix, prefix*) take one
// comparison. Immutable: any thread may match.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/result.h"

namespace dr {

class Glob {
public:
    static constexpr std::size_t kMaxBytes = 4080;

    // Fails with BadRequest: empty, too long, NUL, an unclosed '[', a '\' at the end, an empty or '.' or '..'
    // component, a leading '!' (negation, which this tool does not have).
    static Result<Glob> parse(std::string_view pattern);
    // The pattern, or the part of one, that matches these characters and no others.
    static std::string escaped(std::string_view text);

    // `path` has no leading '/'; the root (empty path) is matched by nothing.
    bool matches(std::string_view path, bool is_directory) const;
    // True if the pattern matches `path` or a directory above it: what excluding directories while walking amounts to.
    bool matches_or_above(std::string_view path, bool is_directory) const;
    // False only if nothing below the directory `path` can match: a walk for includes need not go down.
    bool may_match_below(std::string_view path) const;

    const std::string& pattern() const { return pattern_; }

private:
    // Most patterns need no automaton. Tail: these bytes are the last components. Exact: the whole path. Prefix,
    // Suffix: of the last component. Name: an automaton on the last component. General: an automaton on the whole path.
    enum class Shape : std::uint8_t { Tail, Exact, Prefix, Suffix, Name, General };
    enum class TokenKind : std::uint8_t {
        Literal,
        AnyOne,
        AnyInComponent,
        Set,
        Separator,
        AnyComponents,
        InsideComponents
    };
    struct Range {
        char32_t first;
        char32_t last;
    };
    struct Token {
        TokenKind kind;
        char32_t value = 0;           // of Literal
        bool negated = false;         // of Set
        std::vector<Range> ranges{};  // of Set
    };
    // The states that the automaton can be in: bit i means that tokens before i are matched. A token takes at least one
    // byte of the pattern, but for the few that parse() adds.
    struct States {
        explicit States(std::size_t words_used) : used(words_used) { clear(); }
        void clear() { std::fill_n(words.begin(), used, 0); }
        std::array<std::uint64_t, kMaxBytes / 64 + 1> words;  // only `used` of them are: a short pattern touches one
        std::size_t used;
        bool any() const;
        bool has(std::size_t state) const { return (words[state / 64] >> (state % 64) & 1) != 0; }
    };

    Glob() = default;
    Result<void> compile(std::string_view body);
    Result<void> compile_component(std::string_view component);
    Result<std::size_t> compile_set(std::string_view component, std::size_t at);
    Error bad(std::string_view complaint) const;
    void classify(std::string_view body, bool anchored);
    void add_state(States& states, std::size_t state) const;
    void step(const States& from, States& to, char32_t character) const;
    States run(std::string_view path) const;
    bool accepts(std::string_view path) const;
    void end_literal(std::string& literal);

    std::string pattern_;
    std::string fixed_;   // of Tail, Exact, Prefix and Suffix: the bytes to compare
    std::string needed_;  // of Name and General: the longest run of bytes that every match contains
    std::vector<Token> tokens_;
    Shape shape_ = Shape::General;
    bool directories_only_ = false;
};

}  // namespace dr
