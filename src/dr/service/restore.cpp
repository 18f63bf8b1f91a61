#include "dr/restore/restore.h"

#include "dr/base/shell_word.h"
#include "dr/service/content.h"
#include "dr/service/entry_path.h"
#include "dr/service/meta.h"
#include "dr/service/phases.h"
#include "dr/service/request_id.h"
#include "dr/service/service.h"

namespace dr {
namespace {

Result<RestoreFilter> make_filter(const RestoreServiceRequest& request) {
    std::vector<RelativePath> paths;
    for (const std::string& path : request.paths) paths.push_back(DR_TRY(parse_entry_path(path)));
    const auto globs = [](const std::vector<std::string>& patterns) -> Result<std::vector<Glob>> {
        std::vector<Glob> result;
        for (const std::string& pattern : patterns) result.push_back(DR_TRY(Glob::parse(pattern)));
        return result;
    };
    std::vector<Glob> includes = DR_TRY(globs(request.include));
    std::vector<Glob> excludes = DR_TRY(globs(request.exclude));
    return RestoreFilter{std::move(paths), std::move(includes), std::move(excludes)};
}

// The words that the filter was made of.
std::string selection_words(const RestoreServiceRequest& request) {
    std::string words;
    const auto add = [&](const std::string& option, const std::vector<std::string>& values) {
        for (const std::string& value : values) {
            if (!words.empty()) words += ' ';
            // A value that begins like an option has to be tied to its own.
            words += value.starts_with('-') ? shell_quoted(option + "=" + value) : option + " " + shell_quoted(value);
        }
    };
    add("--path", request.paths);
    add("--include", request.include);
    add("--exclude", request.exclude);
    if (request.devices) words += words.empty() ? "--devices" : " --devices";
    return words;
}

}  // namespace

Result<RestoreResult> Service::restore(const RestoreServiceRequest& request, Monitor& monitor) {
    Phases phases{world_.clock};
    const RestoreAllowlist allowlist{settings_.allowed_targets};
    RestoreRequest restore;
    restore.filter = DR_TRY(make_filter(request));
    // The allowlist comes before any key is asked for: a forbidden target is refused whoever asks.
    DR_TRY(RestoreRoot::open(request.target_path, allowlist, false));

    OpenSnapshot snapshot = DR_TRY(open_snapshot(world_, settings_, request.snapshot, Packs::Held, monitor));
    phases.ended("open");

    restore.plan_id = new_identifier("restore", world_.random);
    restore.snapshot_id = Identifier::parse(snapshot.snapshot.id.hex()).value();
    restore.target_path = request.target_path;
    restore.dry_run = request.dry_run;
    restore.overwrite = request.overwrite;
    restore.devices = request.devices;
    restore.selection_words = selection_words(request);

    TaskPool pool{worker_count(settings_)};
    RestoreResult result;
    result.outcome = DR_TRY(dr::restore(restore, *snapshot.source, snapshot.body.root, allowlist, pool, monitor));
    result.meta = meta_of(snapshot.snapshot, *snapshot.open);
    phases.ended("restore");
    result.timings = phases.finish();
    return result;
}

}  // namespace dr
