#include "dr/keys/kek_file.h"

#include "dr/base/hex.h"

namespace dr {
namespace {

constexpr std::string_view kPrefix = "qnwis-dr-kek-1:";

}  // namespace

Key32 new_kek(Random& random) {
    Key32 kek;
    random.fill(kek.mutable_bytes());
    return kek;
}

SecretBytes print_kek(const Key32& kek) {
    std::string line = std::string(kPrefix) + to_base64(kek.bytes()) + "\n";
    SecretBytes text = SecretBytes::copy_of(as_bytes(line));
    wipe({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
    return text;
}

Result<Key32> parse_kek(std::string_view text) {
    const Error not_a_kek{ErrorCode::WrongKey, "this is not a key-encryption-key file"};
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!text.starts_with(kPrefix)) return not_a_kek;
    Result<Bytes> bytes = parse_base64(text.substr(kPrefix.size()));
    if (!bytes.ok() || bytes.value().size() != Key32::kSize) return not_a_kek;
    Key32 kek = Key32::copy_of(bytes.value());
    wipe(bytes.value());
    return kek;
}

}  // namespace dr
