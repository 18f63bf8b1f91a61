#pragma once
// JsonWriter: writes one JSON document to a sink as it goes, so that a manifest of a million entries needs 64 KiB.
//
// Output is canonical: keys in the order written, one way to escape, always valid UTF-8 (bytes that are not become
// U+FFFD; path_fields keeps them). Nesting, keys and values in the wrong order are bugs (DR_CHECK). Not thread-safe.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dr/base/ids.h"
#include "dr/base/result.h"
#include "dr/base/time.h"
#include "dr/models/identifier.h"
#include "dr/models/relative_path.h"

namespace dr {

enum class JsonLayout : std::uint8_t {
    Compact,   // one line, no white space: JSON lines
    Indented,  // two spaces, for people
};

class JsonWriter {
public:
    // Gets the text in pieces of about 64 KiB. Its first error ends the output and comes back from finish().
    using Sink = std::function<Result<void>(std::string_view)>;

    explicit JsonWriter(Sink sink, JsonLayout layout = JsonLayout::Compact);
    JsonWriter(const JsonWriter&) = delete;
    JsonWriter& operator=(const JsonWriter&) = delete;

    void begin_object();
    void end_object();
    void begin_array();
    void end_array();
    void key(std::string_view name);

    void text(std::string_view value);
    void integer(std::int64_t value);
    void natural(std::uint64_t value);
    void real(double value);  // finite; up to 3 decimals
    void boolean(bool value);
    void null();

    // A value of any type the documents use; Timestamp in ISO 8601, digests in hexadecimal, an empty optional as null.
    void value(std::string_view v) { text(v); }
    void value(const char* v) { text(v); }
    void value(const std::string& v) { text(v); }
    void value(const Identifier& v) { text(v.text()); }
    void value(Timestamp v) { text(v.iso8601()); }
    template <typename Tag>
    void value(const Digest<Tag>& v) {
        text(v.hex());
    }
    template <std::integral T>
    void value(T v) {
        if constexpr (std::same_as<T, bool>)
            boolean(v);
        else if constexpr (std::signed_integral<T>)
            integer(v);
        else
            natural(v);
    }
    template <std::floating_point T>
    void value(T v) {
        real(v);
    }
    template <typename T>
    void value(const std::optional<T>& v) {
        if (v)
            value(*v);
        else
            null();
    }
    template <typename T>
    void value(const std::vector<T>& list) {
        begin_array();
        for (const T& v : list) value(v);
        end_array();
    }

    template <typename T>
    void field(std::string_view name, const T& v) {
        key(name);
        value(v);
    }

    // "<name>": the path as text and, only if its bytes are not UTF-8, "<name>_base64": the exact bytes.
    void path_fields(std::string_view name, std::string_view bytes);

    // False once the sink failed: a long loop may stop.
    bool ok() const { return status_.ok(); }

    // Ends the document with a newline and hands over the rest. Call once, with everything closed.
    Result<void> finish();

private:
    struct Level {
        bool is_object;
        bool empty = true;
    };

    void before_value();
    void open(char bracket, bool is_object);
    void close(char bracket, bool is_object);
    void separate();
    void put(std::string_view piece);
    void put_escaped(std::string_view value);
    void flush();

    Sink sink_;
    JsonLayout layout_;
    std::string buffer_;
    std::vector<Level> levels_;
    bool after_key_ = false;
    bool started_ = false;
    Result<void> status_;
};

// The document that `write` writes, as a string with a newline at its end.
std::string json_text(JsonLayout layout, const std::function<void(JsonWriter&)>& write);

}  // namespace dr
