#pragma once
// ConsoleMonitor: progress, notes and warnings of a verb, for whoever looks at the console.
//
// On a terminal a status line, drawn 5 times a second whether or not anything was reported; elsewhere a plain line
// every 10 s; with --quiet none. All of Monitor is thread-safe and cheap: progress() only remembers, a thread of its
// own draws.

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include "cli/console.h"
#include "dr/base/monitor.h"
#include "dr/platform/clock.h"

namespace dr::cli {

inline constexpr std::size_t kWarningsShown = 50;

// One moment of the work, as it is drawn.
struct ProgressView {
    std::string phase;
    std::uint64_t bytes_done = 0, bytes_total = 0, files_done = 0, files_total = 0;
    double seconds = 0;      // since the phase began
    double recent_rate = 0;  // bytes per second of the last seconds
};
// "storing   45 %  123.4 MB/s  ETA 0:12  [=====     ]  1.2 GiB of 2.6 GiB  1,234 files", as much of it as `width`
// columns hold; with 0 no limit and no bar.
std::string progress_text(const ProgressView& view, unsigned width);

class ConsoleMonitor final : public Monitor {
public:
    // Borrows both. `clock` measures for the display only.
    ConsoleMonitor(Console& console, const Clock& clock);
    ~ConsoleMonitor() override;

    void progress(const Progress& progress) override;
    void warning(std::string_view path, const Error& error) override;
    void note(std::string_view sentence) override;
    bool cancelled() const override;

    // What is known of the whole besides what the verb reports: used where that is 0.
    void expect(std::uint64_t bytes, std::uint64_t files);
    // Whether the verb, or expect(), gave a total.
    bool has_total() const;
    // Ends the display. Nothing is drawn afterwards.
    void finish();

    std::uint64_t warnings() const;
    // Lists `path` unless a warning named it; counts towards kWarningsShown.
    void list(std::string_view path, std::string_view reason);

private:
    void draw();
    void start_display();  // with mutex_ held
    void run();
    ProgressView view(std::int64_t now);
    bool may_show(std::string_view path);

    Console& console_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    bool started_ = false;  // something was reported
    ProgressView now_;
    std::uint64_t expected_bytes_ = 0, expected_files_ = 0;
    std::int64_t phase_began_ = 0;
    std::int64_t sampled_at_ = 0;
    std::uint64_t sampled_bytes_ = 0;
    double rate_ = 0;
    std::int64_t last_line_ = 0;
    std::uint64_t warnings_ = 0;
    std::unordered_set<std::string> listed_;
    std::thread thread_;
};

}  // namespace dr::cli
