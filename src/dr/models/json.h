#pragma once
// JSON that comes from outside: parsed with limits, then read field by field with messages that help.
//
// Strict: RFC 8259 and nothing more; UTF-8 is checked, duplicate keys, deep nesting and large texts are refused. All
// errors are BadRequest; whoever reads a repository says `.as(ErrorCode::Damaged)`. Writing is json_writer.h.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/identifier.h"
#include "dr/models/json_writer.h"

namespace dr {

struct JsonMember;

// A parsed value. A number keeps the text it was written as: nothing is rounded before somebody asks what it is for.
struct JsonValue {
    enum class Kind : std::uint8_t { Null, Boolean, Number, Text, Array, Object };
    using Member = JsonMember;

    // Defined where JsonMember is complete.
    JsonValue();
    JsonValue(const JsonValue&);
    JsonValue(JsonValue&&) noexcept;
    JsonValue& operator=(const JsonValue&);
    JsonValue& operator=(JsonValue&&) noexcept;
    ~JsonValue();

    Kind kind = Kind::Null;
    bool boolean = false;
    std::string text;              // of Text and Number
    std::vector<JsonValue> items;  // of Array
    std::vector<Member> members;   // of Object, in the order written, names all different

    const JsonValue* find(std::string_view name) const;
};

struct JsonMember {
    std::string first;  // its name
    JsonValue second;
};

struct JsonLimits {
    std::size_t max_bytes = 64ULL << 20;
    std::size_t max_depth = 32;
    std::size_t max_values = 1'000'000;  // bounds memory: [[],[],…] is short as text and large as a tree
};

// Where the elements of one array of the outermost object go instead of into the tree.
struct JsonStream {
    std::string_view array;  // the name of that array
    std::function<Result<void>(JsonValue&&)> element;
};

Result<JsonValue> parse_json(std::string_view text, const JsonLimits& limits = {});

// The same, with each element of `stream.array` handed over as soon as it is read and then forgotten; in the tree the
// array is empty. max_values then bounds each element and the rest, not their sum.
Result<JsonValue> parse_json_stream(std::string_view text, const JsonStream& stream, const JsonLimits& limits);

struct TextLimits {
    std::size_t min_bytes = 0;
    std::size_t max_bytes = 4096;
};

// Reads the fields of one object. open() refuses names that are not in `known`, and says the nearest one that is.
// Every text is free of NUL.
class ObjectReader {
public:
    // `value` is borrowed and must outlive the reader. `document` names it in messages: "backup spec". `known` are
    // literals.
    static Result<ObjectReader> open(const JsonValue& value, std::string document,
                                     std::initializer_list<std::string_view> known);

    bool has(std::string_view name) const;  // there, and not null

    // Without a default the field is required. null counts as absent where there is a default.
    Result<std::string> text(std::string_view name, TextLimits limits = {}) const;
    Result<std::string> text_or(std::string_view name, std::string fallback, TextLimits limits = {}) const;
    Result<Identifier> identifier(std::string_view name) const;
    Result<std::optional<Identifier>> optional_identifier(std::string_view name) const;
    Result<std::vector<Identifier>> identifiers(std::string_view name, std::size_t max_items) const;  // absent: none
    Result<std::vector<std::string>> texts(std::string_view name, std::size_t max_items, TextLimits limits = {}) const;
    Result<bool> boolean(std::string_view name) const;
    Result<bool> boolean_or(std::string_view name, bool fallback) const;
    // A whole number from `min` to `max`, both included.
    Result<std::uint64_t> natural(std::string_view name, std::uint64_t min, std::uint64_t max) const;
    Result<std::uint64_t> natural_or(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                     std::uint64_t max) const;
    Result<Timestamp> timestamp(std::string_view name) const;
    Result<std::optional<Timestamp>> optional_timestamp(std::string_view name) const;
    Result<Sha256> sha256(std::string_view name) const;
    // The place of the text in `choices`; says all of them if it is none.
    Result<std::size_t> choice(std::string_view name, std::initializer_list<std::string_view> choices) const;
    // The bytes of "<name>" and "<name>_base64" as JsonWriter::path_fields wrote them. List both names in `known`.
    Result<std::string> path_bytes(std::string_view name) const;

    // A nested value as it is. Null pointer where absent or null.
    const JsonValue* child(std::string_view name) const;
    // The same, required, and of this kind.
    Result<const JsonValue*> object(std::string_view name) const;
    Result<const std::vector<JsonValue>*> array(std::string_view name, std::size_t max_items) const;  // absent: error

    // A BadRequest about field `name`: "'<name>' in the <document> <complaint>".
    Error wrong(std::string_view name, std::string_view complaint) const;

private:
    ObjectReader(const JsonValue& value, std::string document, std::vector<std::string_view> known)
        : value_(&value), document_(std::move(document)), known_(std::move(known)) {}

    const JsonValue* lookup(std::string_view name) const;
    Result<const JsonValue*> require(std::string_view name, JsonValue::Kind kind) const;
    Result<std::string> checked_text(std::string_view name, const JsonValue& value, TextLimits limits) const;

    const JsonValue* value_;
    std::string document_;
    std::vector<std::string_view> known_;
};

// The whole number that `text` (a JSON number) is. Fails with BadRequest and a complaint without a subject: "must not
// be negative", "must be a whole number", "is too large: at most 36500", "must be at least 1".
Result<std::uint64_t> parse_natural(std::string_view text, std::uint64_t min, std::uint64_t max);

}  // namespace dr
