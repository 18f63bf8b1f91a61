#include <gtest/gtest.h>

#include "dr/models/json.h"

namespace dr {
namespace {

// A document of one field, 'it', read by `read`.
template <typename Read>
std::string outcome(std::string_view field_text, Read read) {
    const JsonValue value = parse_json(field_text.empty() ? "{}" : "{\"it\": " + std::string(field_text) + "}").value();
    const ObjectReader object = ObjectReader::open(value, "thing", {"it", "it_base64", "other"}).value();
    const auto result = read(object);
    if (result.ok()) return "fine";
    EXPECT_EQ(result.error().code(), ErrorCode::BadRequest);
    return result.error().what();
}

TEST(ObjectReader, UnknownKeysNameTheNearestKnownOne) {
    const auto open = [](std::string_view text) {
        const JsonValue value = parse_json(text).value();
        const Result<ObjectReader> object = ObjectReader::open(value, "backup spec", {"datasets", "tag"});
        return object.ok() ? "fine" : object.error().what();
    };
    EXPECT_EQ(open(R"({"dataset": []})"), "unknown key 'dataset' in the backup spec; did you mean 'datasets'?");
    EXPECT_EQ(open(R"({"colour": 1})"), "unknown key 'colour' in the backup spec");
    EXPECT_EQ(open(R"({"tag\u001b[31m": 1})"), "unknown key 'tag\\x1b[31m' in the backup spec");
    EXPECT_EQ(open("[]"), "the backup spec must be an object, not a list");
    EXPECT_EQ(open(R"({"tag": 1})"), "fine");
}

TEST(ObjectReader, TextsAreBounded) {
    const auto text = [](const ObjectReader& object) { return object.text("it", {.min_bytes = 2, .max_bytes = 4}); };
    EXPECT_EQ(outcome("\"abc\"", text), "fine");
    EXPECT_EQ(outcome("", text), "'it' in the thing is missing");
    EXPECT_EQ(outcome("7", text), "'it' in the thing must be a text, not a number");
    EXPECT_EQ(outcome("null", text), "'it' in the thing must be a text, not null");
    EXPECT_EQ(outcome("\"\"", text), "'it' in the thing must not be empty");
    EXPECT_EQ(outcome("\"a\"", text), "'it' in the thing has 1 bytes: at least 2 are needed");
    EXPECT_EQ(outcome("\"abcde\"", text), "'it' in the thing has 5 bytes: at most 4 are allowed");
    EXPECT_EQ(outcome("\"a\\u0000b\"", text), "'it' in the thing must not hold a NUL character");
}

TEST(ObjectReader, NumbersSayWhatTheyWere) {
    const auto number = [](const ObjectReader& object) { return object.natural("it", 1, 36'500); };
    EXPECT_EQ(outcome("30", number), "fine");
    EXPECT_EQ(outcome("-1", number), "'it' in the thing must not be negative (it is '-1')");
    EXPECT_EQ(outcome("1.5", number), "'it' in the thing must be a whole number (it is '1.5')");
    EXPECT_EQ(outcome("1e400", number), "'it' in the thing must be a whole number (it is '1e400')");
    EXPECT_EQ(outcome("36501", number), "'it' in the thing is too large: at most 36500 is allowed (it is '36501')");
    EXPECT_EQ(outcome("\"30\"", number), "'it' in the thing must be a number, not a text");
    EXPECT_EQ(outcome("true", number), "'it' in the thing must be a number, not true or false");
}

TEST(ObjectReader, ListsAreBoundedAndOfOneKind) {
    const auto ids = [](const ObjectReader& object) { return object.identifiers("it", 2); };
    EXPECT_EQ(outcome("[\"a\", \"b\"]", ids), "fine");
    EXPECT_EQ(outcome("", ids), "fine");
    EXPECT_EQ(outcome("[\"a\", \"b\", \"c\"]", ids), "'it' in the thing has 3 entries: at most 2 are allowed");
    EXPECT_EQ(outcome("[\"\"]", ids), "an ID of 'it' in the thing must not be empty");
    EXPECT_EQ(outcome("[1]", ids), "'it' in the thing must be a text, not a number, in each place");
    EXPECT_EQ(outcome("\"a\"", ids), "'it' in the thing must be a list, not a text");
    const auto texts = [](const ObjectReader& object) { return object.texts("it", 2); };
    EXPECT_EQ(outcome("[\"a\"]", texts), "fine");
    EXPECT_EQ(outcome("[{}]", texts), "'it' in the thing must be a text, not an object");
}

TEST(ObjectReader, TimesHashesAndChoicesShowWhatIsExpected) {
    const auto time = [](const ObjectReader& object) { return object.timestamp("it"); };
    EXPECT_EQ(outcome("\"2026-11-23T17:08:42.123456Z\"", time), "fine");
    EXPECT_EQ(outcome("\"yesterday\"", time),
              "'it' in the thing must be a time like 2026-11-23T17:08:42Z, not 'yesterday'");
    const auto hash = [](const ObjectReader& object) { return object.sha256("it"); };
    EXPECT_EQ(outcome("\"" + std::string(64, 'a') + "\"", hash), "fine");
    EXPECT_EQ(outcome("\"AB\"", hash), "'it' in the thing must be 64 lower-case hexadecimal digits, not 'AB'");
    const auto choice = [](const ObjectReader& object) { return object.choice("it", {"local", "archive"}); };
    EXPECT_EQ(outcome("\"archive\"", choice), "fine");
    EXPECT_EQ(outcome("\"cloud\"", choice), "'it' in the thing must be one of 'local', 'archive', not 'cloud'");
    EXPECT_LT(outcome("\"" + std::string(100'000, 'x') + "\"", choice).size(), 300U);
}

TEST(ObjectReader, OptionalFieldsMayBeNullOrAbsent) {
    for (const char* text : {"", "null"}) {
        const JsonValue value = parse_json(*text ? R"({"it": null})" : "{}").value();
        const ObjectReader object = ObjectReader::open(value, "thing", {"it"}).value();
        EXPECT_FALSE(object.has("it"));
        EXPECT_EQ(object.child("it"), nullptr);
        EXPECT_EQ(object.text_or("it", "x").value(), "x");
        EXPECT_EQ(object.natural_or("it", 7, 0, 9).value(), 7U);
        EXPECT_TRUE(object.boolean_or("it", true).value());
        EXPECT_FALSE(object.optional_identifier("it").value().has_value());
        EXPECT_FALSE(object.optional_timestamp("it").value().has_value());
    }
    const JsonValue value = parse_json(R"({"it": "x", "time": "2026-11-23T17:08:42Z"})").value();
    const ObjectReader object = ObjectReader::open(value, "thing", {"it", "time"}).value();
    EXPECT_EQ(object.optional_identifier("it").value()->text(), "x");
    EXPECT_TRUE(object.optional_timestamp("time").value().has_value());
    EXPECT_FALSE(object.boolean_or("it", true).ok());
    EXPECT_FALSE(object.object("it").ok());
}

TEST(ObjectReader, PathsComeBackAsTheBytesTheyWere) {
    for (const std::string bytes : {"a/b", "\xFF\xFE", "caf\xC3\xA9", "x\xC3"}) {
        const std::string text = json_text(JsonLayout::Compact, [&](JsonWriter& json) {
            json.begin_object();
            json.path_fields("it", bytes);
            json.end_object();
        });
        const JsonValue value = parse_json(text).value();
        EXPECT_EQ(ObjectReader::open(value, "thing", {"it", "it_base64"}).value().path_bytes("it").value(), bytes);
    }
}

TEST(ObjectReader, APathCannotShowOneNameAndMeanAnother) {
    const auto complaint = [](std::string_view text) {
        const JsonValue value = parse_json(text).value();
        return ObjectReader::open(value, "thing", {"it", "it_base64"}).value().path_bytes("it").error().what();
    };
    EXPECT_EQ(complaint(R"({"it": "good", "it_base64": "/w=="})"),
              "'it_base64' in the thing does not name what 'it' shows");
    EXPECT_EQ(complaint(R"({"it": "good", "it_base64": "Z29vZA=="})"),
              "'it_base64' in the thing does not name what 'it' shows");
    EXPECT_EQ(complaint(R"({"it": "good", "it_base64": "?"})"), "'it_base64' in the thing must be base64");
    EXPECT_EQ(complaint(R"({"it": "x", "it_base64": "AP8="})"), "'it_base64' in the thing must not hold a NUL byte");
}

TEST(ObjectReaderDeathTest, ReadingAFieldThatOpenRefusesIsABug) {
    const JsonValue value = parse_json("{}").value();
    const ObjectReader object = ObjectReader::open(value, "thing", {"it"}).value();
    EXPECT_DEATH((void)object.has("that"), "");
}

}  // namespace
}  // namespace dr
