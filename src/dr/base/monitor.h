#pragma once
// Monitor: how a lower floor reports to whoever asked, without knowing whether that is a terminal, a job or a test.
// Every function may be called from any thread and returns quickly.

#include <cstdint>
#include <string_view>

#include "dr/base/error.h"

namespace dr {

struct Progress {
    std::string_view phase;  // "scanning", "storing", "restoring", "verifying", …
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;  // 0: not known yet
    std::uint64_t files_done = 0;
    std::uint64_t files_total = 0;  // 0: not known yet
};

class Monitor {
public:
    virtual ~Monitor() = default;

    virtual void progress(const Progress& progress) = 0;
    // Something the user should know that does not end the work: a file that could not be read, a flag not restored.
    virtual void warning(std::string_view path, const Error& error) = 0;
    virtual void note(std::string_view sentence) = 0;
    // True once the user asked to stop (Ctrl-C, SIGTERM, a cancelled job). Long loops ask at least every 100 ms.
    virtual bool cancelled() const = 0;
};

class SilentMonitor final : public Monitor {
public:
    void progress(const Progress&) override {}
    void warning(std::string_view, const Error&) override {}
    void note(std::string_view) override {}
    bool cancelled() const override { return false; }
};

}  // namespace dr
