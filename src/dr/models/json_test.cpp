#include "dr/models/json.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

std::string complaint(std::string_view text, const JsonLimits& limits = {}) {
    const Result<JsonValue> value = parse_json(text, limits);
    if (value.ok()) return "fine";
    EXPECT_EQ(value.error().code(), ErrorCode::BadRequest);
    return value.error().what();
}

TEST(Json, KeepsOrderKindsAndTheTextOfNumbers) {
    const JsonValue value = parse_json(R"( {"b": [1, 2.50, true, null], "a": {"k": "v\u00e9"}} )").value();
    ASSERT_EQ(value.members.size(), 2U);
    EXPECT_EQ(value.members[0].first, "b");
    const JsonValue& list = *value.find("b");
    EXPECT_EQ(list.items[0].text, "1");
    EXPECT_EQ(list.items[1].text, "2.50");
    EXPECT_TRUE(list.items[2].boolean);
    EXPECT_EQ(list.items[3].kind, JsonValue::Kind::Null);
    EXPECT_EQ(value.find("a")->find("k")->text, "v\xC3\xA9");
    EXPECT_EQ(value.find("c"), nullptr);
    EXPECT_EQ(parse_json("\"x\"").value().text, "x");
    EXPECT_EQ(parse_json("12345678901234567890123").value().text, "12345678901234567890123");
}

TEST(Json, SaysWhereASyntaxErrorIs) {
    EXPECT_EQ(complaint(""), "this is not JSON: it is empty");
    EXPECT_EQ(complaint(" \n"), "this is not JSON: it is empty");
    EXPECT_EQ(complaint("{\"a\": 1"), "this is not JSON: it ends in the middle, at line 1, column 8");
    EXPECT_EQ(complaint("{\n  \"a\": ?\n}"), "this is not JSON: syntax error at line 2, column 8");
    EXPECT_EQ(complaint("{} {}"), "this is not JSON: something follows the document at line 1, column 4");
    for (const char* bad :
         {"{'a':1}", "[1,]", "{\"a\":1,}", "// x\n1", "01", "+1", "1.", "[", "\"\\ud800\"", "tru", "\"a\nb\""}) {
        EXPECT_TRUE(complaint(bad).starts_with("this is not JSON")) << bad << ": " << complaint(bad);
    }
}

TEST(Json, RefusesNumbersThatAreNone) {
    EXPECT_EQ(complaint("{\"a\": NaN}"), "'NaN' is not a number: line 1, column 7");
    EXPECT_TRUE(complaint("{\"a\": -Infinity}").starts_with("'-Infinity' is not a number"));
    EXPECT_TRUE(complaint("[Infinity]").starts_with("'Infinity' is not a number"));
}

TEST(Json, RefusesDuplicateKeys) {
    EXPECT_EQ(complaint(R"({"tag": "a", "tag": "b"})"), "key 'tag' is there twice");
    EXPECT_EQ(complaint(R"([{"x": {"a\n": 1, "b": 2, "a\u000a": 3}}])"), "key 'a\\n' is there twice");
}

TEST(Json, RefusesWhatIsNotUtf8) {
    EXPECT_EQ(complaint("{\"a\":\n\"\xFF\"}"), "this is not UTF-8: line 2, column 2");
    EXPECT_EQ(complaint("\"\xED\xA0\x80\""), "this is not UTF-8: line 1, column 2");
}

TEST(Json, RefusesDeepNestingWithoutRecursion) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_EQ(complaint(nested(32)), "fine");
    EXPECT_EQ(complaint(nested(33)), "it is nested deeper than 32 levels");
    EXPECT_EQ(complaint(std::string(1'000'000, '[')), "it is nested deeper than 32 levels");
}

TEST(Json, RefusesLargeTextsAndManyValues) {
    EXPECT_EQ(complaint("[1,2,3]", {.max_bytes = 6}), "it has 7 bytes: at most 6 are allowed");
    EXPECT_EQ(complaint("[1,2,3]", {.max_values = 3}), "it holds more than 3 values");
    EXPECT_EQ(complaint("[1,2,3]", {.max_values = 4}), "fine");
}

TEST(JsonStream, HandsOverElementsAndForgetsThem) {
    std::vector<std::string> seen;
    const JsonStream stream{
        "items", [&](JsonValue&& value) -> Result<void> {
            seen.push_back(value.kind == JsonValue::Kind::Object ? value.members[0].first : value.text);
            return {};
        }};
    std::string text = R"({"before": [1, {"items": [7]}], "items": [)";
    for (int i = 0; i < 1000; ++i) text += "{\"k\": [1, 2, 3]},";
    text += R"("last"], "after": true})";
    const JsonValue rest = parse_json_stream(text, stream, {.max_values = 20}).value();

    EXPECT_EQ(seen.size(), 1001U);
    EXPECT_EQ(seen.back(), "last");
    EXPECT_TRUE(rest.find("items")->items.empty());
    EXPECT_EQ(rest.find("before")->items[1].find("items")->items.size(), 1U);
    EXPECT_TRUE(rest.find("after")->boolean);
}

TEST(JsonStream, StopsAtTheFirstErrorOfTheVisitor) {
    int calls = 0;
    const JsonStream stream{"items", [&](JsonValue&&) -> Result<void> {
                                ++calls;
                                return Error{ErrorCode::Cancelled, "enough"};
                            }};
    const Result<JsonValue> value = parse_json_stream(R"({"items": [1, 2, 3]})", stream, {});
    EXPECT_EQ(value.error().code(), ErrorCode::Cancelled);
    EXPECT_EQ(calls, 1);
}

TEST(Json, WholeNumbersAreTakenExactly) {
    const auto number = [](std::string_view text, std::uint64_t min, std::uint64_t max) {
        const Result<std::uint64_t> value = parse_natural(text, min, max);
        return value.ok() ? std::to_string(value.value()) : value.error().what();
    };
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    EXPECT_EQ(number("0", 0, 9), "0");
    EXPECT_EQ(number("-0", 0, 9), "0");
    EXPECT_EQ(number("18446744073709551615", 0, kAll), "18446744073709551615");
    EXPECT_EQ(number("18446744073709551616", 0, kAll), "is too large: at most 18446744073709551615 is allowed");
    EXPECT_EQ(number("99999999999999999999999999", 0, 9), "is too large: at most 9 is allowed");
    EXPECT_EQ(number("10", 1, 9), "is too large: at most 9 is allowed");
    EXPECT_EQ(number("0", 1, 9), "must be at least 1");
    EXPECT_EQ(number("-1", 0, 9), "must not be negative");
    EXPECT_EQ(number("-1.5", 0, 9), "must not be negative");
    EXPECT_EQ(number("1.0", 0, 9), "must be a whole number");
    EXPECT_EQ(number("1e3", 0, 9), "must be a whole number");
    EXPECT_EQ(number("1e999", 0, 9), "must be a whole number");
    EXPECT_EQ(number("", 0, 9), "must be a whole number");
    EXPECT_EQ(number("7x", 0, 9), "must be a whole number");
}

}  // namespace
}  // namespace dr
