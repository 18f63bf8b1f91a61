#pragma once
// For tests: a directory that goes away.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "dr/base/check.h"

namespace dr::testing {

class Scratch {
public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "qnwis-dr-test-XXXXXX").string();
        DR_CHECK(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::string operator/(const std::string& below) const { return path_ + "/" + below; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace dr::testing
