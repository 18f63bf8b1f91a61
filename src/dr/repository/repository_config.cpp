#include "dr/repository/repository_config.h"

#include "dr/models/json.h"
#include "dr/models/json_writer.h"

namespace dr {
namespace {

constexpr std::string_view kFormat = "qnwis-dr";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kMaxFeatures = 100;
constexpr std::string_view kDocument = "repository.json";

Error newer(std::string what) {
    return Error{ErrorCode::Unsupported, std::move(what)}
        .means("the repository was made by a newer version; nothing was changed")
        .next("qnwis_dr version");
}

Result<ChunkSizes> read_chunker(const JsonValue& value) {
    const ObjectReader reader = DR_TRY(ObjectReader::open(value, "chunker", {"kind", "minimum", "average", "maximum"}));
    DR_TRY(reader.choice("kind", {"fastcdc"}));
    ChunkSizes sizes;
    sizes.min = DR_TRY(reader.natural("minimum", 64, kMaxChunkSize));
    sizes.average = DR_TRY(reader.natural("average", 64, kMaxChunkSize));
    sizes.max = DR_TRY(reader.natural("maximum", 64, 16U << 20));
    DR_TRY(sizes.check());
    return sizes;
}

Result<void> read_sizes(const ObjectReader& reader, RepositoryConfig& config) {
    const JsonValue* chunker = DR_TRY(reader.object("chunker"));
    config.chunks = DR_TRY(read_chunker(*chunker));
    const JsonValue* frame = DR_TRY(reader.object("frame"));
    const ObjectReader frames =
        DR_TRY(ObjectReader::open(*frame, "frame", {"inline_limit", "small_limit", "solid_target"}));
    config.inline_limit = DR_TRY(frames.natural("inline_limit", 0, 4096));
    config.small_limit = DR_TRY(frames.natural("small_limit", 1, 1U << 20));
    config.solid_target = DR_TRY(frames.natural("solid_target", 4096, 8U << 20));
    if (config.small_limit > config.solid_target / 2)
        return Error{ErrorCode::BadRequest, "'small_limit' is more than half of 'solid_target'"};
    const JsonValue* pack = DR_TRY(reader.object("pack"));
    const ObjectReader packs = DR_TRY(ObjectReader::open(*pack, "pack", {"target"}));
    config.pack_target = DR_TRY(packs.natural("target", 4096, 64U << 20));
    return {};
}

Result<RepositoryConfig> read(std::string_view json) {
    const JsonValue value =
        DR_TRY(parse_json(json, {.max_bytes = kMaxRepositoryJson, .max_depth = 8, .max_values = 1000}));
    // Format and version come first: a newer version may have fields that this one cannot know.
    if (const JsonValue* format = value.find("format"); format != nullptr && format->text != kFormat) {
        return Error{ErrorCode::Damaged, "the format is not 'qnwis-dr'"};
    }
    if (const JsonValue* version = value.find("version"); version != nullptr) {
        const Result<std::uint64_t> number = parse_natural(version->text, 1, 1'000'000);
        if (number.ok() && number.value() > kVersion) {
            return newer("the repository has format version " + version->text + ", this program knows version 1");
        }
    }
    const ObjectReader reader =
        DR_TRY(ObjectReader::open(value, std::string(kDocument),
                                  {"format", "version", "required_features", "optional_features", "encryption",
                                   "created_at", "chunker", "frame", "pack"}));
    DR_TRY(reader.choice("format", {kFormat}));
    DR_TRY(reader.natural("version", 1, kVersion));
    const std::vector<std::string> required = DR_TRY(reader.texts("required_features", kMaxFeatures));
    if (!required.empty())
        return newer("the repository needs the feature '" + required.front() + "', which this program does not know");
    DR_TRY(reader.texts("optional_features", kMaxFeatures));

    RepositoryConfig config;
    const std::string encryption = DR_TRY(reader.text("encryption"));
    config.encryption = DR_TRY(parse_encryption(encryption));
    config.created_at = DR_TRY(reader.timestamp("created_at"));
    DR_TRY(read_sizes(reader, config));
    return config;
}

}  // namespace

std::string print(const RepositoryConfig& config) {
    return json_text(JsonLayout::Indented, [&](JsonWriter& json) {
        json.begin_object();
        json.field("format", kFormat);
        json.field("version", kVersion);
        json.field("required_features", std::vector<std::string>{});
        json.field("optional_features", std::vector<std::string>{});
        json.field("encryption", name_of(config.encryption));
        json.field("created_at", config.created_at);
        json.key("chunker");
        json.begin_object();
        json.field("kind", "fastcdc");
        json.field("minimum", config.chunks.min);
        json.field("average", config.chunks.average);
        json.field("maximum", config.chunks.max);
        json.end_object();
        json.key("frame");
        json.begin_object();
        json.field("inline_limit", config.inline_limit);
        json.field("small_limit", config.small_limit);
        json.field("solid_target", config.solid_target);
        json.end_object();
        json.key("pack");
        json.begin_object();
        json.field("target", config.pack_target);
        json.end_object();
        json.end_object();
    });
}

Result<RepositoryConfig> parse_repository_config(std::string_view json) {
    Result<RepositoryConfig> config = read(json);
    if (config.ok() || config.error().code() == ErrorCode::Unsupported) return config;
    return std::move(config).error().as(ErrorCode::Damaged).during("reading repository.json");
}

}  // namespace dr
