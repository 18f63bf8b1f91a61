#include "dr/service/entry_path.h"

namespace dr {

Result<RelativePath> parse_entry_path(std::string_view path) {
    while (path.starts_with("./")) path.remove_prefix(2);
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path.empty() || path == ".") return RelativePath{};
    return RelativePath::parse(path);
}

}  // namespace dr
