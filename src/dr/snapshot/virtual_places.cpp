#include "dr/snapshot/virtual_places.h"

namespace dr {

VirtualPlace place_roots(std::span<const OutsideRoot> roots) {
    VirtualPlace top;
    for (const OutsideRoot& root : roots) {
        if (root.excluded != nullptr) continue;
        VirtualPlace* at = &top;
        for (std::size_t start = 1; start < root.path.size();) {
            const std::size_t end = std::min(root.path.find('/', start), root.path.size());
            at = &at->children[root.path.substr(start, end - start)];
            start = end + 1;
        }
        at->selected = true;
    }
    return top;
}

}  // namespace dr
