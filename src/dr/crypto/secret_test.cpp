#include "dr/crypto/secret.h"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <ostream>
#include <type_traits>

#include "dr/crypto/testing.h"

namespace dr {
namespace {

template <typename Secret>
concept Printable = requires(std::ostream& out, const Secret& secret) { out << secret; };

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(!std::is_copy_constructible_v<Key32> && !std::is_copy_assignable_v<Key32>);
static_assert(!Printable<SecretBytes> && !Printable<Key32>);

TEST(EqualInConstantTime, AgreesWithOrdinaryEquality) {
    const Bytes a = counting(1, 40);
    Bytes b = a;
    EXPECT_TRUE(equal_in_constant_time(a, b));
    b.back() ^= 0x80;
    EXPECT_FALSE(equal_in_constant_time(a, b));
    EXPECT_FALSE(equal_in_constant_time(a, ByteSpan{a}.first(39)));
    EXPECT_TRUE(equal_in_constant_time({}, {}));
}

TEST(Wipe, LeavesZeros) {
    Bytes bytes = counting(1, 33);
    wipe(bytes);
    EXPECT_EQ(bytes, Bytes(33, 0));
    wipe({});
}

TEST(SecretBytes, BeginsAsZeros) {
    const SecretBytes secret{100};
    EXPECT_TRUE(equal(secret.bytes(), Bytes(100, 0)));
}

TEST(SecretBytes, HoldsWhatWasCopiedIn) {
    const Bytes bytes = counting(3, 72);
    SecretBytes secret = SecretBytes::copy_of(bytes);
    EXPECT_TRUE(equal(secret.bytes(), bytes));
    secret.mutable_bytes()[71] = 0;
    EXPECT_FALSE(equal(secret.bytes(), bytes));
}

TEST(SecretBytes, ACloneIsEqualAndItsOwn) {
    SecretBytes secret = SecretBytes::copy_of(counting(3, 16));
    const SecretBytes clone = secret.clone();
    EXPECT_TRUE(clone == secret);
    secret.mutable_bytes()[0] = 99;
    EXPECT_FALSE(clone == secret);
}

TEST(SecretBytes, MovingLeavesNothingBehind) {
    SecretBytes first = SecretBytes::copy_of(counting(3, 16));
    SecretBytes second = std::move(first);
    // What a move leaves behind is the point. NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_TRUE(first.empty());
    EXPECT_TRUE(equal(second.bytes(), counting(3, 16)));

    SecretBytes third = SecretBytes::copy_of(counting(9, 5));
    third = std::move(second);
    // What a move leaves behind is the point. NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_TRUE(second.empty());
    EXPECT_TRUE(equal(third.bytes(), counting(3, 16)));
}

TEST(SecretBytes, EmptyIsASecretToo) {
    const SecretBytes none;
    const SecretBytes also_none = SecretBytes::copy_of({});
    EXPECT_TRUE(none == also_none);
    EXPECT_TRUE(none.clone().empty());
    EXPECT_EQ(none.size(), 0U);
}

TEST(Key32, IsWipedWhenItEnds) {
    alignas(Key32) std::array<std::uint8_t, sizeof(Key32)> memory{};
    Key32* const key = new (memory.data()) Key32{Key32::copy_of(counting(1, 32))};
    ASSERT_TRUE(equal(memory, counting(1, 32)));
    std::destroy_at(key);
    EXPECT_TRUE(equal(memory, Bytes(32, 0)));
}

TEST(Key32, MovingWipesWhatWasLeft) {
    Key32 first = Key32::copy_of(counting(1, 32));
    Key32 second = std::move(first);
    // What a move leaves behind is the point. NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_TRUE(first == Key32{});
    EXPECT_TRUE(equal(second.bytes(), counting(1, 32)));

    Key32 third;
    third = std::move(second);
    // What a move leaves behind is the point. NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    EXPECT_TRUE(second == Key32{});
    EXPECT_TRUE(third == Key32::copy_of(counting(1, 32)));

    Key32& itself = third;
    third = std::move(itself);
    EXPECT_TRUE(third == Key32::copy_of(counting(1, 32)));
}

TEST(Key32, ACloneIsEqualAndItsOwn) {
    Key32 key = Key32::copy_of(counting(1, 32));
    const Key32 clone = key.clone();
    EXPECT_TRUE(clone == key);
    key.mutable_bytes()[31] = 0;
    EXPECT_FALSE(clone == key);
}

TEST(Key32DeathTest, AnotherSizeIsABug) { EXPECT_DEATH((void)Key32::copy_of(counting(1, 31)), "kSize"); }

}  // namespace
}  // namespace dr
