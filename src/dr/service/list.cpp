#include "dr/service/access.h"
#include "dr/service/meta.h"
#include "dr/service/service.h"

namespace dr {

Result<ListResult> Service::list(const ListRequest& request, Monitor& monitor) {
    const OpenRepository open = DR_TRY(open_repository(world_, settings_, Access::Log, monitor));
    const State& state = open.repository.state();
    ListResult result;
    result.snapshots.reserve(state.snapshots().size());
    for (const auto& [record, snapshot] : state.snapshots()) {
        if (request.tag.empty() || snapshot.tag.text() == request.tag)
            result.snapshots.push_back(meta_of(snapshot, open));
    }
    result.repository = open.repository.id();
    result.encrypted = open.repository.encrypted();
    result.head = state.head().seq;
    result.head_hash = state.head().hash;
    result.head_time = state.trusted_time();
    result.first_sight = open.first_sight;
    return result;
}

}  // namespace dr
