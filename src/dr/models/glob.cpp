#include "dr/models/glob.h"

#include <algorithm>
#include <bit>

#include "dr/models/relative_path.h"
#include "dr/models/utf8.h"

namespace dr {
namespace {

std::string_view last_component(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

Error Glob::bad(std::string_view complaint) const {
    return Error{ErrorCode::BadRequest, "pattern '" + printable(pattern_) + "' " + std::string(complaint)};
}

std::string Glob::escaped(std::string_view text) {
    std::string pattern;
    for (const char c : text) {
        if (std::string_view{"*?[]\\!"}.contains(c)) pattern += '\\';
        pattern += c;
    }
    return pattern;
}

Result<Glob> Glob::parse(std::string_view pattern) {
    Glob glob;
    if (pattern.size() > kMaxBytes) {
        return Error{ErrorCode::BadRequest, "a pattern has " + std::to_string(pattern.size()) + " bytes: at most " +
                                                std::to_string(kMaxBytes) + " are allowed"};
    }
    glob.pattern_ = pattern;
    if (pattern.empty()) return Error{ErrorCode::BadRequest, "a pattern must not be empty"};
    if (pattern.find('\0') != std::string_view::npos) return glob.bad("holds a NUL byte");
    if (pattern.front() == '!')
        return glob.bad("starts with '!': patterns cannot be negated; write '\\!' for the character");

    std::string_view body = pattern;
    const bool anchored = body.front() == '/';
    if (anchored) body.remove_prefix(1);
    if (body.ends_with('/')) {
        body.remove_suffix(1);
        glob.directories_only_ = true;
    }
    // Elsewhere than at the root, any directories may come first.
    if (!anchored) glob.tokens_ = {{TokenKind::AnyComponents}, {TokenKind::InsideComponents}};
    DR_TRY(glob.compile(body));
    glob.classify(body, anchored);
    return glob;
}

Result<void> Glob::compile(std::string_view body) {
    for (std::size_t at = 0; at <= body.size();) {
        const std::size_t end = std::min(body.find('/', at), body.size());
        const std::string_view component = body.substr(at, end - at);
        const bool last = end == body.size();
        if (component.empty()) return bad("has an empty component");
        if (component == "." || component == "..") return bad("has a component '" + std::string(component) + "'");
        if (component == "**") {
            tokens_.push_back({TokenKind::AnyComponents});
            tokens_.push_back({TokenKind::InsideComponents});
            // At the end it needs a component: 'a/**' is what lies below a.
            if (last) tokens_.push_back({TokenKind::AnyOne});
            if (last) tokens_.push_back({TokenKind::AnyInComponent});
        } else {
            DR_TRY(compile_component(component));
            if (!last) tokens_.push_back({TokenKind::Separator});
        }
        at = end + 1;
    }
    return {};
}

void Glob::end_literal(std::string& literal) {
    if (literal.size() > needed_.size()) needed_ = literal;
    literal.clear();
}

Result<void> Glob::compile_component(std::string_view component) {
    std::string literal;
    for (std::size_t at = 0; at < component.size();) {
        const char c = component[at];
        if (c == '*' || c == '?' || c == '[') end_literal(literal);
        if (c == '*') {
            // Several in a row mean the same as one.
            if (tokens_.empty() || tokens_.back().kind != TokenKind::AnyInComponent)
                tokens_.push_back({TokenKind::AnyInComponent});
            ++at;
        } else if (c == '?') {
            tokens_.push_back({TokenKind::AnyOne});
            ++at;
        } else if (c == '[') {
            at = DR_TRY(compile_set(component, at + 1));
        } else {
            if (c == '\\' && ++at == component.size()) return bad("has a '\\' with nothing after it");
            const Utf8Char character = utf8_at(component, at);
            tokens_.push_back({TokenKind::Literal, character.value});
            literal += component.substr(at, character.length);
            at += character.length;
        }
    }
    end_literal(literal);
    return {};
}

// Reads a set from after its '['; returns the place after its ']'.
Result<std::size_t> Glob::compile_set(std::string_view component, std::size_t at) {
    Token set{TokenKind::Set};
    if (at < component.size() && (component[at] == '!' || component[at] == '^')) {
        set.negated = true;
        ++at;
    }
    const auto read = [&]() -> char32_t {
        if (component[at] == '\\' && at + 1 < component.size()) ++at;
        const Utf8Char character = utf8_at(component, at);
        at += character.length;
        return character.value;
    };
    // A ']' that comes first is one of the characters.
    for (bool first = true; at < component.size() && (first || component[at] != ']'); first = false) {
        Range range{read(), 0};
        range.last = range.first;
        const bool is_range = at + 1 < component.size() && component[at] == '-' && component[at + 1] != ']';
        if (is_range) {
            ++at;
            range.last = read();
        }
        if (range.last < range.first) return bad("has a range that ends before it starts");
        set.ranges.push_back(range);
    }
    if (at >= component.size()) return bad("has a '[' without its ']'");
    tokens_.push_back(std::move(set));
    return at + 1;
}

void Glob::classify(std::string_view body, bool anchored) {
    constexpr std::string_view kSpecial = "*?[\\";
    const auto plain = [&](std::string_view text) { return text.find_first_of(kSpecial) == std::string_view::npos; };
    const bool one_name = !anchored && body.find('/') == std::string_view::npos;

    fixed_ = body;
    if (plain(body)) {
        shape_ = anchored ? Shape::Exact : Shape::Tail;
    } else if (one_name && body.front() == '*' && plain(body.substr(1))) {
        shape_ = Shape::Suffix;
        fixed_ = body.substr(1);
    } else if (one_name && body.back() == '*' && plain(body.substr(0, body.size() - 1))) {
        shape_ = Shape::Prefix;
        fixed_ = body.substr(0, body.size() - 1);
    } else if (one_name && body != "**") {
        shape_ = Shape::Name;
        tokens_.erase(tokens_.begin(), tokens_.begin() + 2);  // the "any directories" of parse()
    }
}

bool Glob::States::any() const {
    return std::any_of(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(used),
                       [](std::uint64_t w) { return w != 0; });
}

// Adds a state and those reached from it without reading anything.
void Glob::add_state(States& states, std::size_t state) const {
    for (;;) {
        states.words[state / 64] |= std::uint64_t{1} << (state % 64);
        if (state == tokens_.size()) return;
        if (tokens_[state].kind == TokenKind::AnyInComponent) {
            state += 1;
        } else if (tokens_[state].kind == TokenKind::AnyComponents) {
            state += 2;
        } else {
            return;
        }
    }
}

void Glob::step(const States& from, States& to, char32_t c) const {
    const bool slash = c == '/';
    for (std::size_t word = 0; word < from.used; ++word) {
        for (std::uint64_t left = from.words[word]; left != 0; left &= left - 1) {
            const std::size_t state = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
            if (state == tokens_.size()) continue;
            const Token& token = tokens_[state];
            switch (token.kind) {
                case TokenKind::Literal:
                    if (c == token.value) add_state(to, state + 1);
                    break;
                case TokenKind::AnyOne:
                    if (!slash) add_state(to, state + 1);
                    break;
                case TokenKind::AnyInComponent:
                    if (!slash) add_state(to, state);
                    break;
                case TokenKind::Set: {
                    const bool in =
                        std::ranges::any_of(token.ranges, [c](Range r) { return c >= r.first && c <= r.last; });
                    if (!slash && in != token.negated) add_state(to, state + 1);
                    break;
                }
                case TokenKind::Separator:
                    if (slash) add_state(to, state + 1);
                    break;
                case TokenKind::AnyComponents:
                    if (!slash) add_state(to, state + 1);
                    break;
                case TokenKind::InsideComponents: add_state(to, slash ? state - 1 : state); break;
            }
        }
    }
}

Glob::States Glob::run(std::string_view path) const {
    States now{tokens_.size() / 64 + 1};
    States next{now.used};
    add_state(now, 0);
    for (std::size_t at = 0; at < path.size() && now.any();) {
        const Utf8Char character = utf8_at(path, at);
        next.clear();
        step(now, next, character.value);
        std::copy_n(next.words.begin(), now.used, now.words.begin());
        at += character.length;
    }
    return now;
}

// Most names lack what a pattern needs: looking for it first is many times faster than running the automaton.
bool Glob::accepts(std::string_view path) const {
    return path.find(needed_) != std::string_view::npos && run(path).has(tokens_.size());
}

bool Glob::matches(std::string_view path, bool is_directory) const {
    if (path.empty() || (directories_only_ && !is_directory)) return false;
    switch (shape_) {
        case Shape::Exact: return path == fixed_;
        case Shape::Tail:
            return path.ends_with(fixed_) &&
                   (path.size() == fixed_.size() || path[path.size() - fixed_.size() - 1] == '/');
        case Shape::Suffix: return last_component(path).ends_with(fixed_);
        case Shape::Prefix: return last_component(path).starts_with(fixed_);
        case Shape::Name: return accepts(last_component(path));
        case Shape::General: return accepts(path);
    }
    return false;
}

bool Glob::matches_or_above(std::string_view path, bool is_directory) const {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
        if (matches(path.substr(0, slash), true)) return true;
    }
    return matches(path, is_directory);
}

bool Glob::may_match_below(std::string_view path) const {
    if (path.empty()) return true;
    const std::string inside = std::string(path) + "/";
    switch (shape_) {
        case Shape::Exact: return fixed_.starts_with(inside);
        case Shape::General: return run(inside).any();
        default: return true;  // at any depth
    }
}

}  // namespace dr
