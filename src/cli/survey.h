#pragma once
// Survey: what a plan selects now, found by walking and without storing anything: for `plan --explain`, and for the
// total of a first backup's progress display.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/base/result.h"
#include "dr/models/selection.h"
#include "dr/snapshot/backup.h"

namespace dr::cli {

struct Survey {
    std::uint64_t files = 0;
    std::uint64_t others = 0;  // links, devices, sockets
    std::uint64_t bytes = 0;
    std::uint64_t unreadable = 0;
    std::map<std::string, std::uint64_t>
        skipped;  // entries left out, by the label of the reason; a directory counts once
    std::vector<Identifier> datasets_missing;
};

struct SurveyOptions {
    std::string repository;               // a local storage directory to leave out; empty: none
    std::vector<FileIdentity> secrets{};  // files that open the repository
    bool read_contents = false;           // look for private keys by content, as the backup does
    std::function<bool()> stop;           // asked often; true ends the survey with Cancelled
};

// `workspace` is the absolute path that the selection was made for. Follows no symlink. Fails with NotFound or Io where
// the workspace cannot be opened, Cancelled. What cannot be read below is counted and reported to `monitor`.
Result<Survey> survey(const Selection& selection, const std::string& workspace, const SurveyOptions& options,
                      Monitor& monitor);

}  // namespace dr::cli
