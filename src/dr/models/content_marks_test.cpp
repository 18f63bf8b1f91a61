#include "dr/models/content_marks.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(ContentMarks, PrivateKeysGiveThemselvesAway) {
    for (const char* text :
         {"-----BEGIN PRIVATE KEY-----\nMII", "-----BEGIN RSA PRIVATE KEY-----",
          "-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----",
          "-----BEGIN EC PRIVATE KEY-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----",
          "Bag Attributes\n-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n",
          "PuTTY-User-Key-File-3: ssh-ed25519", "qnwis-dr-kek-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"}) {
        EXPECT_TRUE(looks_like_private_key(as_bytes(text))) << text;
    }
}

TEST(ContentMarks, OthersAreLeftAlone) {
    for (const char* text : {"", "-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "about PRIVATE KEY files",
                             "files that begin with qnwis-dr-kek-1:", "-----BEGIN ", "-----BEGIN PRIVATE"}) {
        EXPECT_FALSE(looks_like_private_key(as_bytes(text))) << text;
    }
}

TEST(ContentMarks, ACacheNeedsItsSignature) {
    EXPECT_TRUE(is_cachedir_tag(as_bytes("Signature: 8a477f597d28d172789f06886806bc55\n# cache")));
    EXPECT_FALSE(is_cachedir_tag(as_bytes("Signature: 8a477f597d28d172789f06886806bc5")));
    EXPECT_FALSE(is_cachedir_tag(as_bytes("")));
}

}  // namespace
}  // namespace dr
