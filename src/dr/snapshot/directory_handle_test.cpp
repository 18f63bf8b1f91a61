#include "dr/snapshot/directory_handle.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

// Some file systems list a name twice while others write to the directory.
TEST(NameList, HoldsANameOnceHoweverOftenItWasListed) {
    NameList names;
    for (const char* name : {"b", "a", "prefix-2", "b", "a", "prefix-1", "b", "prefix-2"}) names.add(name);
    names.sort();
    ASSERT_EQ(names.size(), 4U);
    EXPECT_EQ(names[0], "a");
    EXPECT_EQ(names[1], "b");
    EXPECT_EQ(names[2], "prefix-1");
    EXPECT_EQ(names[3], "prefix-2");
    EXPECT_TRUE(names.contains("prefix-2"));
    EXPECT_FALSE(names.contains("prefix-3"));
}

}  // namespace
}  // namespace dr
