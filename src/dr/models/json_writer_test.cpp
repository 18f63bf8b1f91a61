#include "dr/models/json_writer.h"

#include <gtest/gtest.h>

#include "dr/models/json.h"

namespace dr {
namespace {

using namespace std::string_literals;

std::string compact(const std::function<void(JsonWriter&)>& write) { return json_text(JsonLayout::Compact, write); }

std::string escaped(std::string_view text) {
    return compact([text](JsonWriter& json) { json.text(text); });
}

TEST(JsonWriter, WritesEveryTypeInTheOrderGiven) {
    const std::string text = compact([](JsonWriter& json) {
        json.begin_object();
        json.field("z", 1);
        json.field("a", std::uint64_t{18'446'744'073'709'551'615ULL});
        json.field("i", std::int64_t{-5});
        json.field("t", true);
        json.field("r", 12.5);
        json.field("s", "text");
        json.field("id", Identifier::parse("x").value());
        json.field("time", Timestamp::from_seconds(0));
        json.field("none", std::optional<Timestamp>{});
        json.field("hash", Sha256{});
        json.field("list", std::vector<std::string>{"a", "b"});
        json.end_object();
    });
    EXPECT_EQ(text,
              "{\"z\":1,\"a\":18446744073709551615,\"i\":-5,\"t\":true,\"r\":12.5,\"s\":\"text\",\"id\":\"x\","
              "\"time\":\"1970-01-01T00:00:00.000000Z\",\"none\":null,\"hash\":\"" +
                  std::string(64, '0') + "\",\"list\":[\"a\",\"b\"]}\n");
}

TEST(JsonWriter, IndentsForPeople) {
    const std::string text = json_text(JsonLayout::Indented, [](JsonWriter& json) {
        json.begin_object();
        json.field("a", std::vector<int>{1, 2});
        json.key("empty");
        json.begin_array();
        json.end_array();
        json.key("none");
        json.begin_object();
        json.end_object();
        json.end_object();
    });
    EXPECT_EQ(text, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"empty\": [],\n  \"none\": {}\n}\n");
}

TEST(JsonWriter, EscapesWhatJsonNeedsAndTerminalsFear) {
    EXPECT_EQ(escaped("a\"b\\c/\n\t\r\b\f"), "\"a\\\"b\\\\c/\\n\\t\\r\\b\\f\"\n");
    EXPECT_EQ(escaped("\x1b\x01\x7F"s + '\0'), "\"\\u001b\\u0001\\u007f\\u0000\"\n");
    EXPECT_EQ(escaped("\xC3\xA9"), "\"\xC3\xA9\"\n");
    EXPECT_EQ(escaped("a\xFF"), "\"a\xEF\xBF\xBD\"\n");
}

TEST(JsonWriter, RoundsRealsToThreeDecimals) {
    const auto real = [](double value) { return compact([value](JsonWriter& json) { json.real(value); }); };
    EXPECT_EQ(real(0.0), "0\n");
    EXPECT_EQ(real(-0.0001), "0\n");
    EXPECT_EQ(real(1.23456), "1.235\n");
    EXPECT_EQ(real(100), "100\n");
    EXPECT_GT(real(1e308).size(), 300U);
}

TEST(JsonWriter, PathsThatAreNoTextKeepTheirBytes) {
    const auto fields = [](std::string_view path) {
        return compact([path](JsonWriter& json) {
            json.begin_object();
            json.path_fields("path", path);
            json.end_object();
        });
    };
    EXPECT_EQ(fields("a/b"), "{\"path\":\"a/b\"}\n");
    EXPECT_EQ(fields("a\xFF"), "{\"path\":\"a\xEF\xBF\xBD\",\"path_base64\":\"Yf8=\"}\n");
}

TEST(JsonWriter, AMillionValuesPassInSmallPieces) {
    std::size_t largest = 0;
    std::size_t total = 0;
    JsonWriter json{[&](std::string_view piece) -> Result<void> {
        largest = std::max(largest, piece.size());
        total += piece.size();
        return {};
    }};
    json.begin_array();
    for (int i = 0; i < 1'000'000; ++i) json.integer(i);
    json.end_array();
    EXPECT_TRUE(json.finish().ok());
    EXPECT_LT(largest, 128U * 1024);
    EXPECT_EQ(total, 5'888'890U + 999'999U + 3U);
}

TEST(JsonWriter, TheFirstErrorOfTheSinkIsTheOutcome) {
    int calls = 0;
    JsonWriter json{[&](std::string_view) -> Result<void> {
        ++calls;
        return Error{ErrorCode::NoSpace, "full"};
    }};
    json.begin_array();
    for (int i = 0; i < 100'000 && json.ok(); ++i) json.text("0123456789");
    EXPECT_FALSE(json.ok());
    json.end_array();
    const Result<void> finished = json.finish();
    ASSERT_FALSE(finished.ok());
    EXPECT_EQ(finished.error().code(), ErrorCode::NoSpace);
    EXPECT_EQ(calls, 1);
}

TEST(JsonWriterDeathTest, WrongNestingIsABug) {
    EXPECT_DEATH(compact([](JsonWriter& json) {
                     json.begin_object();
                     json.integer(1);
                 }),
                 "");
    EXPECT_DEATH(compact([](JsonWriter& json) { json.begin_array(); }), "");
    EXPECT_DEATH(compact([](JsonWriter& json) {
                     json.integer(1);
                     json.integer(2);
                 }),
                 "");
    EXPECT_DEATH(compact([](JsonWriter& json) {
                     json.begin_object();
                     json.end_array();
                 }),
                 "");
}

TEST(JsonWriter, WhatItWritesParses) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(parse_json(escaped(all)).value().text.substr(0, 128), all.substr(0, 128));
}

}  // namespace
}  // namespace dr
