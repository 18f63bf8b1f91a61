#include <algorithm>

#include "dr/base/check.h"
#include "dr/base/hex.h"
#include "dr/models/json.h"
#include "dr/models/relative_path.h"
#include "dr/models/suggest.h"
#include "dr/models/utf8.h"

namespace dr {
namespace {

std::string_view name_of(JsonValue::Kind kind) {
    switch (kind) {
        case JsonValue::Kind::Null: return "null";
        case JsonValue::Kind::Boolean: return "true or false";
        case JsonValue::Kind::Number: return "a number";
        case JsonValue::Kind::Text: return "a text";
        case JsonValue::Kind::Array: return "a list";
        case JsonValue::Kind::Object: return "an object";
    }
    return "a value";
}

std::string must_be(JsonValue::Kind wanted, JsonValue::Kind is) {
    return "must be " + std::string(name_of(wanted)) + ", not " + std::string(name_of(is));
}

// A value as it may appear in a message: one line, not too long.
std::string quoted(std::string_view text) {
    constexpr std::size_t kShown = 80;
    return "'" + printable(text.substr(0, kShown)) + (text.size() > kShown ? "…'" : "'");
}

}  // namespace

Result<ObjectReader> ObjectReader::open(const JsonValue& value, std::string document,
                                        std::initializer_list<std::string_view> known) {
    if (value.kind != JsonValue::Kind::Object) {
        return Error{ErrorCode::BadRequest, "the " + document + " " + must_be(JsonValue::Kind::Object, value.kind)};
    }
    for (const JsonValue::Member& member : value.members) {
        if (std::ranges::find(known, member.first) != known.end()) continue;
        return Error{ErrorCode::BadRequest,
                     "unknown key " + quoted(member.first) + " in the " + document + did_you_mean(member.first, known)};
    }
    return ObjectReader{value, std::move(document), known};
}

Error ObjectReader::wrong(std::string_view name, std::string_view complaint) const {
    return Error{ErrorCode::BadRequest,
                 "'" + std::string(name) + "' in the " + document_ + " " + std::string(complaint)};
}

const JsonValue* ObjectReader::lookup(std::string_view name) const {
    DR_CHECK(std::ranges::find(known_, name) != known_.end());  // or open() would refuse a document that has it
    return value_->find(name);
}

bool ObjectReader::has(std::string_view name) const { return child(name) != nullptr; }

const JsonValue* ObjectReader::child(std::string_view name) const {
    const JsonValue* value = lookup(name);
    return value == nullptr || value->kind == JsonValue::Kind::Null ? nullptr : value;
}

Result<const JsonValue*> ObjectReader::require(std::string_view name, JsonValue::Kind kind) const {
    const JsonValue* value = lookup(name);
    if (value == nullptr) return wrong(name, "is missing");
    if (value->kind != kind) return wrong(name, must_be(kind, value->kind));
    return value;
}

Result<std::string> ObjectReader::checked_text(std::string_view name, const JsonValue& value, TextLimits limits) const {
    if (value.kind != JsonValue::Kind::Text) return wrong(name, must_be(JsonValue::Kind::Text, value.kind));
    const std::string& text = value.text;
    if (text.empty() && limits.min_bytes > 0) return wrong(name, "must not be empty");
    if (text.size() < limits.min_bytes) {
        return wrong(name, "has " + std::to_string(text.size()) + " bytes: at least " +
                               std::to_string(limits.min_bytes) + " are needed");
    }
    if (text.size() > limits.max_bytes) {
        return wrong(name, "has " + std::to_string(text.size()) + " bytes: at most " +
                               std::to_string(limits.max_bytes) + " are allowed");
    }
    if (text.find('\0') != std::string::npos) return wrong(name, "must not hold a NUL character");
    return text;
}

Result<std::string> ObjectReader::text(std::string_view name, TextLimits limits) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Text));
    return checked_text(name, *value, limits);
}

Result<std::string> ObjectReader::text_or(std::string_view name, std::string fallback, TextLimits limits) const {
    if (!has(name)) return fallback;
    return text(name, limits);
}

Result<Identifier> ObjectReader::identifier(std::string_view name) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Text));
    return Identifier::parse(value->text, "'" + std::string(name) + "' in the " + document_);
}

Result<std::optional<Identifier>> ObjectReader::optional_identifier(std::string_view name) const {
    if (!has(name)) return std::optional<Identifier>{};
    return std::optional<Identifier>{DR_TRY(identifier(name))};
}

Result<std::vector<Identifier>> ObjectReader::identifiers(std::string_view name, std::size_t max_items) const {
    std::vector<Identifier> all;
    if (!has(name)) return all;
    const std::vector<JsonValue>* items = DR_TRY(array(name, max_items));
    for (const JsonValue& item : *items) {
        if (item.kind != JsonValue::Kind::Text)
            return wrong(name, must_be(JsonValue::Kind::Text, item.kind) + ", in each place");
        all.push_back(DR_TRY(Identifier::parse(item.text, "an ID of '" + std::string(name) + "' in the " + document_)));
    }
    return all;
}

Result<std::vector<std::string>> ObjectReader::texts(std::string_view name, std::size_t max_items,
                                                     TextLimits limits) const {
    std::vector<std::string> all;
    if (!has(name)) return all;
    const std::vector<JsonValue>* items = DR_TRY(array(name, max_items));
    for (const JsonValue& item : *items) all.push_back(DR_TRY(checked_text(name, item, limits)));
    return all;
}

Result<bool> ObjectReader::boolean(std::string_view name) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Boolean));
    return value->boolean;
}

Result<bool> ObjectReader::boolean_or(std::string_view name, bool fallback) const {
    if (!has(name)) return fallback;
    return boolean(name);
}

Result<std::uint64_t> ObjectReader::natural(std::string_view name, std::uint64_t min, std::uint64_t max) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Number));
    Result<std::uint64_t> number = parse_natural(value->text, min, max);
    if (!number.ok()) return wrong(name, number.error().what() + " (it is " + quoted(value->text) + ")");
    return number;
}

Result<std::uint64_t> ObjectReader::natural_or(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                               std::uint64_t max) const {
    if (!has(name)) return fallback;
    return natural(name, min, max);
}

Result<Timestamp> ObjectReader::timestamp(std::string_view name) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Text));
    Result<Timestamp> time = Timestamp::parse(value->text);
    if (!time.ok()) return wrong(name, "must be a time like 2026-11-23T17:08:42Z, not " + quoted(value->text));
    return time;
}

Result<std::optional<Timestamp>> ObjectReader::optional_timestamp(std::string_view name) const {
    if (!has(name)) return std::optional<Timestamp>{};
    return std::optional<Timestamp>{DR_TRY(timestamp(name))};
}

Result<Sha256> ObjectReader::sha256(std::string_view name) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Text));
    Result<Sha256> digest = Sha256::parse(value->text);
    if (!digest.ok()) return wrong(name, "must be 64 lower-case hexadecimal digits, not " + quoted(value->text));
    return digest;
}

Result<std::size_t> ObjectReader::choice(std::string_view name, std::initializer_list<std::string_view> choices) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Text));
    const auto chosen = std::ranges::find(choices, value->text);
    if (chosen != choices.end()) return static_cast<std::size_t>(chosen - choices.begin());

    std::string all;
    for (const std::string_view choice : choices) all += (all.empty() ? "'" : ", '") + std::string(choice) + "'";
    return wrong(name, "must be one of " + all + ", not " + quoted(value->text));
}

Result<std::string> ObjectReader::path_bytes(std::string_view name) const {
    constexpr std::size_t kMaxPath = 8U << 20;
    const JsonValue* shown = DR_TRY(require(name, JsonValue::Kind::Text));
    std::string path = DR_TRY(checked_text(name, *shown, {.min_bytes = 1, .max_bytes = kMaxPath}));
    const std::string exact_name = std::string(name) + "_base64";
    if (!has(exact_name)) return path;

    const std::string exact = DR_TRY(text(exact_name, {.min_bytes = 1, .max_bytes = kMaxPath * 2}));
    const Result<Bytes> bytes = parse_base64(exact);
    if (!bytes.ok()) return wrong(exact_name, "must be base64");
    const std::string_view named = as_text(bytes.value());
    if (named.find('\0') != std::string_view::npos) return wrong(exact_name, "must not hold a NUL byte");
    // Two names that differ would let a document show one file and mean another.
    if (is_utf8(named) || lossy_utf8(named) != path)
        return wrong(exact_name, "does not name what '" + std::string(name) + "' shows");
    return std::string(named);
}

Result<const JsonValue*> ObjectReader::object(std::string_view name) const {
    return require(name, JsonValue::Kind::Object);
}

Result<const std::vector<JsonValue>*> ObjectReader::array(std::string_view name, std::size_t max_items) const {
    const JsonValue* value = DR_TRY(require(name, JsonValue::Kind::Array));
    if (value->items.size() > max_items) {
        return wrong(name, "has " + std::to_string(value->items.size()) + " entries: at most " +
                               std::to_string(max_items) + " are allowed");
    }
    return &value->items;
}

}  // namespace dr
