#include "dr/models/place.h"

#include <algorithm>

namespace dr {

Result<Place> parse_place(std::string_view text) {
    if (text.empty()) return Error{ErrorCode::BadRequest, "a path must not be empty"};
    Place place;
    place.absolute = text.front() == '/';
    std::string kept;
    kept.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('/', at), text.size());
        const std::string_view component = text.substr(at, end - at);
        at = end + 1;
        if (component.empty() || component == ".") continue;
        if (component == "..") {
            return Error{ErrorCode::BadRequest, "path '" + printable(text) + "' has a component '..'"}.next(
                "write the path without '..', as an absolute path where it is outside the workspace");
        }
        if (!kept.empty()) kept += '/';
        kept += component;
    }
    if (!kept.empty()) place.path = DR_TRY(RelativePath::parse(kept));
    return place;
}

}  // namespace dr
