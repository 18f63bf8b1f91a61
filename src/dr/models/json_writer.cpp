#include "dr/models/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "dr/base/check.h"
#include "dr/base/hex.h"
#include "dr/models/utf8.h"

namespace dr {
namespace {

constexpr std::size_t kPiece = 64U << 10;

// Length of the printable ASCII that `value` starts with and that needs no escape: nearly all of nearly every text.
std::size_t plain_run(std::string_view value) {
    std::size_t length = 0;
    while (length < value.size()) {
        const char c = value[length];
        if (c < 0x20 || c > 0x7E || c == '"' || c == '\\') break;
        ++length;
    }
    return length;
}

}  // namespace

JsonWriter::JsonWriter(Sink sink, JsonLayout layout) : sink_(std::move(sink)), layout_(layout) {
    buffer_.reserve(kPiece + 4096);
}

void JsonWriter::put(std::string_view piece) {
    buffer_ += piece;
    if (buffer_.size() >= kPiece) flush();
}

void JsonWriter::flush() {
    if (status_.ok() && !buffer_.empty()) status_ = sink_(buffer_);
    buffer_.clear();
}

// The comma and the line break before an element or a key.
void JsonWriter::separate() {
    Level& level = levels_.back();
    if (!level.empty) put(",");
    level.empty = false;
    if (layout_ == JsonLayout::Compact) return;
    put("\n");
    for (std::size_t i = 0; i < levels_.size(); ++i) put("  ");
}

void JsonWriter::before_value() {
    if (levels_.empty()) {
        DR_CHECK(!started_);  // one document, one outermost value
        started_ = true;
        return;
    }
    if (levels_.back().is_object) {
        DR_CHECK(after_key_);
        after_key_ = false;
        return;
    }
    separate();
}

void JsonWriter::open(char bracket, bool is_object) {
    before_value();
    put({&bracket, 1});
    levels_.push_back({is_object});
}

void JsonWriter::close(char bracket, bool is_object) {
    DR_CHECK(!levels_.empty() && levels_.back().is_object == is_object && !after_key_);
    const bool empty = levels_.back().empty;
    levels_.pop_back();
    if (!empty && layout_ == JsonLayout::Indented) {
        put("\n");
        for (std::size_t i = 0; i < levels_.size(); ++i) put("  ");
    }
    put({&bracket, 1});
}

void JsonWriter::begin_object() { open('{', true); }
void JsonWriter::end_object() { close('}', true); }
void JsonWriter::begin_array() { open('[', false); }
void JsonWriter::end_array() { close(']', false); }

void JsonWriter::key(std::string_view name) {
    DR_CHECK(!levels_.empty() && levels_.back().is_object && !after_key_);
    separate();
    put_escaped(name);
    put(layout_ == JsonLayout::Compact ? ":" : ": ");
    after_key_ = true;
}

void JsonWriter::put_escaped(std::string_view value) {
    static constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
    static constexpr std::string_view kLetters = "btnfr\"\\";
    put("\"");
    for (std::size_t at = 0; at < value.size();) {
        const std::size_t plain = plain_run(value.substr(at));
        put(value.substr(at, plain));
        at += plain;
        if (at == value.size()) break;
        const Utf8Char character = utf8_at(value, at);
        const std::string_view piece = value.substr(at, character.length);
        at += character.length;
        const std::size_t letter = character.length == 1 ? kShort.find(piece) : std::string_view::npos;
        if (letter != std::string_view::npos) {
            const std::array<char, 2> escape{'\\', kLetters[letter]};
            put({escape.data(), escape.size()});
        } else if (character.value < 0x20 || character.value == 0x7F) {
            put("\\u00" + to_hex(as_bytes(piece)));
        } else {
            put(character.valid() ? piece : std::string_view{"\xEF\xBF\xBD"});
        }
    }
    put("\"");
}

void JsonWriter::text(std::string_view value) {
    before_value();
    put_escaped(value);
}

void JsonWriter::integer(std::int64_t value) {
    before_value();
    put(std::to_string(value));
}

void JsonWriter::natural(std::uint64_t value) {
    before_value();
    put(std::to_string(value));
}

void JsonWriter::real(double value) {
    DR_CHECK(std::isfinite(value));
    before_value();
    // Fixed notation of any double fits: 309 digits, a sign, a point and 3 decimals.
    std::array<char, 352> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, 3).ptr;
    std::string_view text{digits.data(), static_cast<std::size_t>(end - digits.data())};
    while (text.back() == '0') text.remove_suffix(1);
    if (text.back() == '.') text.remove_suffix(1);
    put(text == "-0" ? "0" : text);
}

void JsonWriter::boolean(bool value) {
    before_value();
    put(value ? "true" : "false");
}

void JsonWriter::null() {
    before_value();
    put("null");
}

void JsonWriter::path_fields(std::string_view name, std::string_view bytes) {
    field(name, bytes);
    if (!is_utf8(bytes)) field(std::string(name) + "_base64", to_base64(as_bytes(bytes)));
}

Result<void> JsonWriter::finish() {
    DR_CHECK(levels_.empty() && started_);
    put("\n");
    flush();
    return status_;
}

std::string json_text(JsonLayout layout, const std::function<void(JsonWriter&)>& write) {
    std::string text;
    JsonWriter json{[&text](std::string_view piece) -> Result<void> {
                        text += piece;
                        return {};
                    },
                    layout};
    write(json);
    const Result<void> finished = json.finish();
    DR_CHECK(finished.ok());  // appending to a string does not fail
    return text;
}

}  // namespace dr
