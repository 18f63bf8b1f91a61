#include "cli/progress.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "cli/format.h"
#include "cli/signals.h"
#include "dr/models/relative_path.h"

namespace dr::cli {
namespace {

constexpr auto kDrawEvery = std::chrono::milliseconds{200};
constexpr std::int64_t kLineEvery = 10'000'000'000;  // nanoseconds
constexpr double kSmoothing = 0.1;                   // share of the newest 200 ms in the shown rate

double seconds_of(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

std::string percent_of(const ProgressView& view) {
    if (view.bytes_total == 0) return " -- %";
    const double done = 100.0 * static_cast<double>(view.bytes_done) / static_cast<double>(view.bytes_total);
    // Never "100 %" before the end: what is left takes its time too.
    const auto percent =
        static_cast<unsigned>(std::clamp(done, 0.0, view.bytes_done >= view.bytes_total ? 100.0 : 99.0));
    return (percent < 10 ? "  " : percent < 100 ? " " : "") + std::to_string(percent) + " %";
}

std::string eta_of(const ProgressView& view) {
    if (view.bytes_total == 0 || view.recent_rate < 1) return "ETA --:--";
    const std::uint64_t left = view.bytes_total - std::min(view.bytes_done, view.bytes_total);
    const auto seconds =
        static_cast<std::uint64_t>(std::min(static_cast<double>(left) / view.recent_rate + 0.5, 359'999.0));
    const std::string two = (seconds % 60 < 10 ? "0" : "") + std::to_string(seconds % 60);
    if (seconds < 3600) return "ETA " + std::to_string(seconds / 60) + ":" + two;
    const std::uint64_t minutes = seconds / 60 % 60;
    return "ETA " + std::to_string(seconds / 3600) + ":" + (minutes < 10 ? "0" : "") + std::to_string(minutes) + ":" +
           two;
}

std::string bar_of(const ProgressView& view) {
    constexpr std::size_t kCells = 20;
    const double share =
        static_cast<double>(view.bytes_done) / static_cast<double>(std::max<std::uint64_t>(view.bytes_total, 1));
    const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kCells);
    return "[" + std::string(full, '=') + std::string(kCells - full, ' ') + "]";
}

std::string amount_of(const ProgressView& view) {
    std::string text = human_bytes(view.bytes_done);
    if (view.bytes_total > 0) text += " of " + human_bytes(view.bytes_total);
    return text;
}

std::string files_of(const ProgressView& view) {
    if (view.files_total == 0) return counted(view.files_done, "file", "files");
    return human_count(view.files_done) + " of " + counted(view.files_total, "file", "files");
}

}  // namespace

std::string progress_text(const ProgressView& view, unsigned width) {
    // The most wanted first: a narrow terminal loses the rest.
    std::string text = view.phase + " " + percent_of(view) + "  " + human_rate(view.recent_rate) + "  " + eta_of(view);
    std::vector<std::string> more;
    if (width >= 100 && view.bytes_total > 0) more.push_back(bar_of(view));
    more.push_back(amount_of(view));
    if (view.files_done > 0 || view.files_total > 0) more.push_back(files_of(view));
    for (const std::string& part : more) {
        // The last column stays free: some terminals wrap when it is filled.
        if (width > 0 && text.size() + 2 + part.size() >= width) break;
        text += "  " + part;
    }
    if (width > 1 && text.size() >= width) text.resize(width - 1);
    return text;
}

ConsoleMonitor::ConsoleMonitor(Console& console, const Clock& clock) : console_(console), clock_(clock) {
    last_line_ = clock_.monotonic_nanoseconds();
}

ConsoleMonitor::~ConsoleMonitor() { finish(); }

void ConsoleMonitor::finish() {
    {
        const std::lock_guard lock{mutex_};
        stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    console_.status("");
}

// Only for what takes its time: a short command would wait for the thread longer than for its work.
void ConsoleMonitor::start_display() {
    if (console_.quiet() || stop_) return;
    try {
        thread_ = std::thread{[this] { run(); }};
    } catch (const std::system_error&) {
        // No thread to be had: the work goes on without a display.
    }
}

void ConsoleMonitor::progress(const Progress& progress) {
    const std::lock_guard lock{mutex_};
    if (!started_) start_display();
    if (!started_ || now_.phase != progress.phase) {
        started_ = true;
        phase_began_ = sampled_at_ = clock_.monotonic_nanoseconds();
        sampled_bytes_ = progress.bytes_done;
        rate_ = 0;
        now_.phase = progress.phase;
    }
    now_.bytes_done = progress.bytes_done;
    now_.bytes_total = progress.bytes_total;
    now_.files_done = progress.files_done;
    now_.files_total = progress.files_total;
}

void ConsoleMonitor::expect(std::uint64_t bytes, std::uint64_t files) {
    const std::lock_guard lock{mutex_};
    expected_bytes_ = bytes;
    expected_files_ = files;
}

bool ConsoleMonitor::has_total() const {
    const std::lock_guard lock{mutex_};
    return now_.bytes_total > 0 || expected_bytes_ > 0;
}

bool ConsoleMonitor::may_show(std::string_view path) {
    const std::lock_guard lock{mutex_};
    ++warnings_;
    if (listed_.size() >= kWarningsShown) return false;
    return listed_.insert(std::string(path)).second;
}

void ConsoleMonitor::warning(std::string_view path, const Error& error) {
    if (may_show(path)) console_.complain("warning: '" + printable(path) + "': " + error.one_line());
}

void ConsoleMonitor::list(std::string_view path, std::string_view reason) {
    {
        const std::lock_guard lock{mutex_};
        if (listed_.size() >= kWarningsShown || !listed_.insert(std::string(path)).second) return;
    }
    console_.complain("warning: '" + printable(path) + "': " + std::string(reason));
}

void ConsoleMonitor::note(std::string_view sentence) {
    if (!console_.quiet()) console_.complain(sentence);
}

bool ConsoleMonitor::cancelled() const { return interrupted(); }

std::uint64_t ConsoleMonitor::warnings() const {
    const std::lock_guard lock{mutex_};
    return warnings_;
}

ProgressView ConsoleMonitor::view(std::int64_t now) {
    const double passed = seconds_of(now - sampled_at_);
    if (passed > 0) {
        const std::uint64_t more = now_.bytes_done - std::min(sampled_bytes_, now_.bytes_done);
        const double newest = static_cast<double>(more) / passed;
        const double whole = static_cast<double>(now_.bytes_done) / std::max(seconds_of(now - phase_began_), 0.001);
        rate_ = rate_ > 0 ? rate_ * (1 - kSmoothing) + newest * kSmoothing : whole;
        sampled_at_ = now;
        sampled_bytes_ = now_.bytes_done;
    }
    ProgressView view = now_;
    view.recent_rate = rate_;
    view.seconds = seconds_of(now - phase_began_);
    if (view.bytes_total == 0 && expected_bytes_ >= view.bytes_done) view.bytes_total = expected_bytes_;
    if (view.files_total == 0 && expected_files_ >= view.files_done) view.files_total = expected_files_;
    return view;
}

void ConsoleMonitor::draw() {
    ProgressView shown;
    const std::int64_t now = clock_.monotonic_nanoseconds();
    const bool terminal = console_.look().err_is_terminal;
    {
        const std::lock_guard lock{mutex_};
        if (!started_) return;
        shown = view(now);
        if (!terminal && now - last_line_ < kLineEvery) return;
        last_line_ = now;
    }
    if (terminal)
        console_.status(progress_text(shown, console_.width()));
    else
        console_.complain(progress_text(shown, 0));
}

void ConsoleMonitor::run() {
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, kDrawEvery, [this] { return stop_; })) {
        lock.unlock();
        draw();
        lock.lock();
    }
}

}  // namespace dr::cli
