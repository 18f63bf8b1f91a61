#include "dr/models/relative_path.h"

#include <algorithm>

#include "dr/base/hex.h"
#include "dr/models/utf8.h"

namespace dr {
namespace {

// What is wrong with `name` as a component, or nothing.
std::string_view complaint_about(std::string_view name) {
    if (name.empty()) return "it has an empty component";
    if (name == ".") return "it has a component '.'";
    if (name == "..") return "it has a component '..'";
    if (name.size() > RelativePath::kMaxComponent) return "it has a component of more than 255 bytes";
    if (name.find('\0') != std::string_view::npos) return "it holds a NUL byte";
    if (name.find('/') != std::string_view::npos) return "it holds a '/'";
    return {};
}

Error bad_path(ErrorCode code, std::string_view path, std::string_view complaint) {
    constexpr std::size_t kShown = 200;  // a message stays readable whatever the path is
    const std::string shown = printable(path.substr(0, kShown)) + (path.size() > kShown ? "…" : "");
    return Error{code, "'" + shown + "' is not a relative path: " + std::string(complaint)};
}

// Characters that are invisible or change the direction of what follows: a name must not be able to look like another.
bool is_deceptive(char32_t c) {
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) return true;
    if (c == 0xAD || c == 0x61C || c == 0xFEFF) return true;
    if (c >= 0x200B && c <= 0x200F) return true;
    if (c >= 0x2028 && c <= 0x202E) return true;
    if (c >= 0x2060 && c <= 0x206F) return true;
    return (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F) || c >= kBadByte;
}

void put_escaped(std::string& to, std::string_view character) {
    if (character == "\n") {
        to += "\\n";
    } else if (character == "\t") {
        to += "\\t";
    } else if (character == "\r") {
        to += "\\r";
    } else {
        for (const char byte : character) to += "\\x" + to_hex(as_bytes({&byte, 1}));
    }
}

}  // namespace

Result<RelativePath> RelativePath::parse(std::string_view bytes, ErrorCode code) {
    if (bytes.empty()) return bad_path(code, bytes, "it is empty");
    if (bytes.front() == '/') return bad_path(code, bytes, "it starts with '/'");
    for (std::size_t at = 0; at <= bytes.size();) {
        const std::size_t end = std::min(bytes.find('/', at), bytes.size());
        const std::string_view complaint = complaint_about(bytes.substr(at, end - at));
        if (!complaint.empty()) return bad_path(code, bytes, complaint);
        at = end + 1;
    }
    return RelativePath{std::string(bytes)};
}

bool RelativePath::is_component(std::string_view name) { return complaint_about(name).empty(); }

Result<RelativePath> RelativePath::join(std::string_view name, ErrorCode code) const {
    const std::string_view complaint = complaint_about(name);
    if (!complaint.empty()) return bad_path(code, name, complaint);
    std::string joined;
    joined.reserve(bytes_.size() + 1 + name.size());
    joined = bytes_;
    if (!joined.empty()) joined += '/';
    joined += name;
    return RelativePath{std::move(joined)};
}

RelativePath RelativePath::join(const RelativePath& below) const {
    if (is_root()) return below;
    if (below.is_root()) return *this;
    return RelativePath{bytes_ + "/" + below.bytes_};
}

std::string_view RelativePath::name() const {
    const std::size_t slash = bytes_.rfind('/');
    return std::string_view{bytes_}.substr(slash == std::string::npos ? 0 : slash + 1);
}

RelativePath RelativePath::parent() const {
    const std::size_t slash = bytes_.rfind('/');
    return slash == std::string::npos ? RelativePath{} : RelativePath{bytes_.substr(0, slash)};
}

std::vector<std::string_view> RelativePath::components() const {
    std::vector<std::string_view> all;
    const std::string_view text = bytes_;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('/', at), text.size());
        all.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return all;
}

bool RelativePath::is_within(const RelativePath& ancestor) const {
    if (ancestor.is_root()) return true;
    if (!bytes_.starts_with(ancestor.bytes_)) return false;
    return bytes_.size() == ancestor.bytes_.size() || bytes_[ancestor.bytes_.size()] == '/';
}

std::string printable(std::string_view bytes) {
    std::string shown;
    shown.reserve(bytes.size());
    for (std::size_t at = 0; at < bytes.size();) {
        const Utf8Char character = utf8_at(bytes, at);
        const std::string_view piece = bytes.substr(at, character.length);
        if (character.value == '\\') {
            shown += "\\\\";
        } else if (is_deceptive(character.value)) {
            put_escaped(shown, piece);
        } else {
            shown += piece;
        }
        at += character.length;
    }
    return shown;
}

}  // namespace dr
