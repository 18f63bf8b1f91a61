#include "dr/service/entry_path.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(EntryPath, IsReadAsPeopleTypeIt) {
    for (const char* typed : {"data/x", "./data/x", "/data/x", "data/x/", ".//data/x//", "././data/x"})
        EXPECT_EQ(parse_entry_path(typed).value().bytes(), "data/x") << typed;
    for (const char* root : {"", ".", "/", "./", "//"}) EXPECT_TRUE(parse_entry_path(root).value().is_root()) << root;
    for (const char* bad : {"..", "data/../x", "/.."})
        EXPECT_EQ(parse_entry_path(bad).error().code(), ErrorCode::BadRequest) << bad;
}

}  // namespace
}  // namespace dr
