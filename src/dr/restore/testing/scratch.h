#pragma once
// For tests: files, and a monitor that remembers.

#include <atomic>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "dr/base/monitor.h"
#include "dr/platform/testing/scratch.h"

namespace dr::testing {

inline void write_file(const std::string& path, std::string_view content) {
    std::ofstream{path, std::ios::binary} << content;
}
inline std::string read_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

class RememberingMonitor final : public Monitor {
public:
    void progress(const Progress& progress) override {
        ++updates;
        if (on_progress) on_progress(progress);
    }
    void warning(std::string_view path, const Error& error) override {
        const std::scoped_lock lock{mutex_};
        warnings.push_back(std::string{path} + ": " + error.what());
    }
    void note(std::string_view) override {}
    bool cancelled() const override { return cancel; }

    std::atomic<bool> cancel{false};
    std::atomic<int> updates{0};
    std::function<void(const Progress&)> on_progress;
    std::vector<std::string> warnings;

private:
    std::mutex mutex_;
};

}  // namespace dr::testing
