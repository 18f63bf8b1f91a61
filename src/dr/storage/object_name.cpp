#include "dr/storage/object_name.h"

#include <algorithm>
#include <string>

namespace dr {
namespace {

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

bool is_component(std::string_view part) {
    return !part.empty() && part.size() <= 255 && part != "." && part != ".." && std::ranges::all_of(part, is_plain);
}

}  // namespace

bool is_object_name(std::string_view name) {
    if (name.size() > 1024) return false;
    while (true) {
        const std::size_t slash = name.find('/');
        if (!is_component(name.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        name.remove_prefix(slash + 1);
    }
}

Result<void> check_object_name(std::string_view name) {
    if (is_object_name(name)) return {};
    return Error{ErrorCode::BadRequest, "'" + std::string{name.substr(0, 64)} + "' is not a name of an object"};
}

std::string_view directory_of(std::string_view name) {
    const std::size_t slash = name.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : name.substr(0, slash);
}

}  // namespace dr
