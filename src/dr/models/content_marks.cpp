#include "dr/models/content_marks.h"

namespace dr {

bool looks_like_private_key(ByteSpan first_bytes) {
    const std::string_view text = as_text(first_bytes);
    if (text.starts_with("PuTTY-User-Key-File") || text.starts_with(kKekMark)) return true;
    constexpr std::string_view kBegin = "-----BEGIN ";
    constexpr std::string_view kDashes = "-----";
    constexpr std::size_t kLongestLabel = 64;
    for (std::size_t at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
        const std::string_view label = text.substr(at + kBegin.size(), kLongestLabel);
        const std::string_view named = label.substr(0, label.find(kDashes));
        // "PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"
        if (named.ends_with("PRIVATE KEY") || named.ends_with("PRIVATE KEY BLOCK")) return true;
    }
    return false;
}

bool is_cachedir_tag(ByteSpan first_bytes) {
    return as_text(first_bytes).starts_with("Signature: 8a477f597d28d172789f06886806bc55");
}

}  // namespace dr
