#include "dr/models/manifest.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

ManifestHeader header() {
    ManifestHeader header;
    header.snapshot_id = Identifier::parse("snap").value();
    header.created_at = Timestamp::from_seconds(1'700'000'000);
    header.spec_id = Identifier::parse("spec").value();
    header.tag = Identifier::parse("daily").value();
    return header;
}

ManifestEntry entry(std::string_view path) { return {RelativePath::parse(path).value(), 7, Sha256{}, true}; }

TEST(Manifest, HostileNamesComeBackExactly) {
    const Manifest manifest{header(), {entry("a/b"), entry("new\nline"), entry("\xFF\xFE"), entry("q\"uote\\")}};
    EXPECT_EQ(parse_manifest(print(manifest)).value(), manifest);
    EXPECT_EQ(parse_manifest(print(Manifest{header(), {}})).value().entries.size(), 0U);
}

TEST(Manifest, AHundredThousandEntriesStreamInAndOut) {
    std::string text;
    std::size_t largest = 0;
    ManifestWriter writer{header(),
                          [&](std::string_view piece) -> Result<void> {
                              largest = std::max(largest, piece.size());
                              text += piece;
                              return {};
                          },
                          JsonLayout::Compact};
    for (int i = 0; i < 100'000; ++i) writer.add(entry("d/" + std::to_string(i)));
    ASSERT_TRUE(writer.finish().ok());
    EXPECT_LT(largest, 128U * 1024);

    std::size_t seen = 0;
    const ManifestHeader read = parse_manifest(text, [&seen](ManifestEntry&& e) -> Result<void> {
                                    EXPECT_EQ(e.path.bytes(), "d/" + std::to_string(seen++));
                                    return {};
                                }).value();
    EXPECT_EQ(seen, 100'000U);
    EXPECT_EQ(read, header());
}

TEST(Manifest, PathsThatLeaveTheTargetAreRefused) {
    std::string text = print(Manifest{header(), {entry("safe")}});
    text.replace(text.find("safe"), 4, "../x");
    EXPECT_EQ(parse_manifest(text).error().code(), ErrorCode::BadRequest);
}

TEST(Manifest, ANewerVersionIsSaidToBeNewer) {
    std::string text = print(Manifest{header(), {}});
    text.replace(text.find(": 1,"), 4, ": 2,");
    EXPECT_EQ(parse_manifest(text).error().code(), ErrorCode::Unsupported);
}

TEST(Manifest, ChecksumLinesAreThoseOfCoreutils) {
    const std::string zero(64, '0');
    EXPECT_EQ(sha256sum_line(Sha256{}, "a b"), zero + "  a b\n");
    EXPECT_EQ(sha256sum_line(Sha256{}, "a\nb\rc\\d"), "\\" + zero + "  a\\nb\\rc\\\\d\n");
    EXPECT_EQ(sha256sum_line(Sha256{}, "\xFF"), zero + "  \xFF\n");
}

}  // namespace
}  // namespace dr
