#include "dr/models/json.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>

#include "dr/models/utf8.h"

namespace dr {
namespace {

namespace bj = boost::json;

Error bad_json(std::string complaint) { return Error{ErrorCode::BadRequest, std::move(complaint)}; }

// Builds the tree from the events of Boost's parser. Boost's own tree would keep only the last of two equal keys and
// round numbers; this one refuses the first and keeps the second as text.
class TreeBuilder {
public:
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    TreeBuilder(const JsonLimits& limits, const JsonStream* stream) : limits_(limits), stream_(stream) {}

    bool on_document_begin(bj::error_code&) { return true; }
    bool on_document_end(bj::error_code&) { return true; }
    bool on_array_begin(bj::error_code& ec) { return begin(JsonValue::Kind::Array, ec); }
    bool on_array_end(std::size_t, bj::error_code& ec) { return end(ec); }
    bool on_object_begin(bj::error_code& ec) { return begin(JsonValue::Kind::Object, ec); }
    bool on_object_end(std::size_t, bj::error_code& ec) { return end(ec); }
    bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) { return gather(part); }
    bool on_key(bj::string_view part, std::size_t, bj::error_code&) {
        gather(part);
        frames_.back().key = std::move(gathered_);
        gathered_.clear();
        return true;
    }
    bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) { return gather(part); }
    bool on_string(bj::string_view part, std::size_t, bj::error_code& ec) {
        gather(part);
        return add_gathered(JsonValue::Kind::Text, ec);
    }
    bool on_number_part(bj::string_view part, bj::error_code&) { return gather(part); }
    bool on_int64(std::int64_t, bj::string_view part, bj::error_code& ec) { return number(part, ec); }
    bool on_uint64(std::uint64_t, bj::string_view part, bj::error_code& ec) { return number(part, ec); }
    bool on_double(double, bj::string_view part, bj::error_code& ec) { return number(part, ec); }
    bool on_bool(bool value, bj::error_code& ec) {
        JsonValue leaf;
        leaf.kind = JsonValue::Kind::Boolean;
        leaf.boolean = value;
        return add(std::move(leaf), ec);
    }
    bool on_null(bj::error_code& ec) { return add(JsonValue{}, ec); }
    bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
    bool on_comment(bj::string_view, bj::error_code&) { return true; }

    const std::optional<Error>& error() const { return error_; }
    JsonValue take() { return std::move(root_); }

private:
    struct Frame {
        JsonValue value;
        std::string key;  // of the member being read
        std::size_t values_before = 0;
    };

    bool gather(bj::string_view part) {
        gathered_.append(part.data(), part.size());
        return true;
    }
    bool number(bj::string_view part, bj::error_code& ec) {
        gather(part);
        return add_gathered(JsonValue::Kind::Number, ec);
    }
    bool add_gathered(JsonValue::Kind kind, bj::error_code& ec) {
        JsonValue leaf;
        leaf.kind = kind;
        leaf.text = std::move(gathered_);
        gathered_.clear();
        return add(std::move(leaf), ec);
    }
    bool refuse(Error error, bj::error_code& ec) {
        error_ = std::move(error);
        ec = bj::error::exception;  // any code: it only makes the parser stop
        return false;
    }

    bool begin(JsonValue::Kind kind, bj::error_code& ec) {
        if (frames_.size() >= limits_.max_depth) {
            return refuse(bad_json("it is nested deeper than " + std::to_string(limits_.max_depth) + " levels"), ec);
        }
        Frame frame;
        frame.value.kind = kind;
        frame.values_before = values_;
        frames_.push_back(std::move(frame));
        return true;
    }

    bool end(bj::error_code& ec) {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        if (const std::string* twice = duplicate(frame.value)) {
            return refuse(bad_json("key '" + printable(*twice) + "' is there twice"), ec);
        }
        const std::size_t before = frame.values_before;
        if (!add(std::move(frame.value), ec)) return false;
        if (streams_here()) values_ = before;
        return true;
    }

    static const std::string* duplicate(const JsonValue& value) {
        std::vector<const std::string*> names;
        names.reserve(value.members.size());
        for (const JsonValue::Member& member : value.members) names.push_back(&member.first);
        std::ranges::sort(names, {}, [](const std::string* name) -> const std::string& { return *name; });
        const auto twice = std::ranges::adjacent_find(names, [](const auto* a, const auto* b) { return *a == *b; });
        return twice == names.end() ? nullptr : *twice;
    }

    // True while the elements of the array that the caller wants to have streamed are being read.
    bool streams_here() const {
        return stream_ != nullptr && frames_.size() == 2 && frames_[0].value.kind == JsonValue::Kind::Object &&
               frames_[1].value.kind == JsonValue::Kind::Array && frames_[0].key == stream_->array;
    }

    bool add(JsonValue&& value, bj::error_code& ec) {
        if (streams_here()) {
            Result<void> taken = stream_->element(std::move(value));
            return taken.ok() || refuse(std::move(taken).error(), ec);
        }
        if (++values_ > limits_.max_values) {
            return refuse(bad_json("it holds more than " + std::to_string(limits_.max_values) + " values"), ec);
        }
        if (frames_.empty()) {
            root_ = std::move(value);
        } else if (Frame& frame = frames_.back(); frame.value.kind == JsonValue::Kind::Array) {
            frame.value.items.push_back(std::move(value));
        } else {
            frame.value.members.emplace_back(std::move(frame.key), std::move(value));
            frame.key.clear();
        }
        return true;
    }

    const JsonLimits& limits_;
    const JsonStream* stream_;
    std::vector<Frame> frames_;
    std::string gathered_;
    std::size_t values_ = 0;
    JsonValue root_;
    std::optional<Error> error_;
};

std::string place_of(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const auto line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
    const std::size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return "line " + std::to_string(line) + ", column " + std::to_string(offset - start + 1);
}

// The word around `offset`: what somebody wrote where the parser stopped.
std::string_view word_at(std::string_view text, std::size_t offset) {
    const auto part_of_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '+' ||
               c == '.';
    };
    constexpr std::size_t kLongest = 32;
    std::size_t first = std::min(offset, text.size());
    std::size_t end = first;
    while (first > 0 && offset - first < kLongest && part_of_word(text[first - 1])) --first;
    while (end < text.size() && end - offset < kLongest && part_of_word(text[end])) ++end;
    return text.substr(first, end - first);
}

Error syntax_error(std::string_view text, std::size_t offset, const bj::error_code& ec) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return bad_json("this is not JSON: it is empty");
    const std::string place = place_of(text, offset);
    if (ec == bj::error::incomplete) return bad_json("this is not JSON: it ends in the middle, at " + place);

    const std::string_view word = word_at(text, offset);
    static constexpr std::array<std::string_view, 6> kNotNumbers{"nan", "inf", "infinity", "-nan", "-inf", "-infinity"};
    std::string low{word};
    std::ranges::transform(low, low.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (std::ranges::find(kNotNumbers, low) != kNotNumbers.end()) {
        return bad_json("'" + std::string(word) + "' is not a number: " + place);
    }
    return bad_json("this is not JSON: syntax error at " + place);
}

Result<JsonValue> parse_tree(std::string_view text, const JsonLimits& limits, const JsonStream* stream) {
    if (text.size() > limits.max_bytes) {
        return bad_json("it has " + std::to_string(text.size()) + " bytes: at most " +
                        std::to_string(limits.max_bytes) + " are allowed");
    }
    for (std::size_t at = 0; at < text.size();) {
        const Utf8Char character = utf8_at(text, at);
        if (!character.valid()) return bad_json("this is not UTF-8: " + place_of(text, at));
        at += character.length;
    }

    bj::parse_options options;
    options.max_depth = limits.max_depth + 1;  // the builder refuses first, in words
    bj::basic_parser<TreeBuilder> parser{options, limits, stream};
    bj::error_code ec;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
    if (parser.handler().error()) return *parser.handler().error();
    if (ec) return syntax_error(text, read, ec);
    if (read < text.size())
        return bad_json("this is not JSON: something follows the document at " + place_of(text, read));
    return parser.handler().take();
}

}  // namespace

JsonValue::JsonValue() = default;
JsonValue::JsonValue(const JsonValue&) = default;
JsonValue::JsonValue(JsonValue&&) noexcept = default;
JsonValue& JsonValue::operator=(const JsonValue&) = default;
JsonValue& JsonValue::operator=(JsonValue&&) noexcept = default;
JsonValue::~JsonValue() = default;

const JsonValue* JsonValue::find(std::string_view name) const {
    const auto member = std::ranges::find(members, name, &Member::first);
    return member == members.end() ? nullptr : &member->second;
}

Result<JsonValue> parse_json(std::string_view text, const JsonLimits& limits) {
    return parse_tree(text, limits, nullptr);
}

Result<JsonValue> parse_json_stream(std::string_view text, const JsonStream& stream, const JsonLimits& limits) {
    return parse_tree(text, limits, &stream);
}

Result<std::uint64_t> parse_natural(std::string_view text, std::uint64_t min, std::uint64_t max) {
    const bool negative = text.starts_with('-');
    if (negative && text.find_first_of("123456789") != std::string_view::npos) return bad_json("must not be negative");
    if (text.find_first_of(".eE") != std::string_view::npos) return bad_json("must be a whole number");
    if (negative) text.remove_prefix(1);

    std::uint64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status == std::errc::result_out_of_range || (status == std::errc{} && value > max)) {
        return bad_json("is too large: at most " + std::to_string(max) + " is allowed");
    }
    if (status != std::errc{} || end != text.data() + text.size()) return bad_json("must be a whole number");
    if (value < min) return bad_json("must be at least " + std::to_string(min));
    return value;
}

}  // namespace dr
