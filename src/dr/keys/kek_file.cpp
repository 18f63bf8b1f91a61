#include "dr/keys/kek_file.h"

#include <algorithm>

#include "dr/base/hex.h"
#include "dr/models/content_marks.h"

namespace dr {
Key32 new_kek(Random& random) {
    Key32 kek;
    random.fill(kek.mutable_bytes());
    return kek;
}

SecretBytes print_kek(const Key32& kek) {
    // Put together in place: strings that are added leave copies behind.
    std::string digits = to_base64(kek.bytes());
    SecretBytes text{kKekMark.size() + digits.size() + 1};
    const auto rest = std::ranges::copy(digits, std::ranges::copy(kKekMark, text.mutable_bytes().begin()).out).out;
    *rest = '\n';
    wipe({reinterpret_cast<std::uint8_t*>(digits.data()), digits.size()});
    return text;
}

Result<Key32> parse_kek(std::string_view text) {
    const Error not_a_kek{ErrorCode::WrongKey, "this is not a key-encryption-key file"};
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!text.starts_with(kKekMark)) return not_a_kek;
    Result<Bytes> bytes = parse_base64(text.substr(kKekMark.size()));
    if (!bytes.ok()) return not_a_kek;
    const SecretBytes secret = SecretBytes::copy_of(bytes.value());
    wipe(bytes.value());
    if (secret.size() != Key32::kSize) return not_a_kek;
    return Key32::copy_of(secret.bytes());
}

}  // namespace dr
