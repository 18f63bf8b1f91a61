#include "dr/platform/disk.h"

namespace dr {
namespace {

bool is_component(std::string_view part) {
    return !part.empty() && part.size() <= 255 && part != "." && part != ".." &&
           part.find('\0') == std::string_view::npos;
}

}  // namespace

bool is_disk_path(std::string_view path) {
    if (path.empty()) return true;
    while (true) {
        const std::size_t slash = path.find('/');
        if (!is_component(path.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
}

}  // namespace dr
