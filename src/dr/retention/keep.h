#pragma once
// Which snapshots a retention rule keeps, and why (SPEC 9). A pure function of its arguments.
//
// Each plan (spec_id) is counted alone, and of it each of the tags daily, weekly and monthly, by the rule of that name
// only; the plan's other snapshots are counted together, by every rule, and stay if one of them says so. So a snapshot
// never takes the place of one of another plan or class. In each period the newest snapshot counts. "Newest" is the
// order of the log, never a date: a clock that was wrong cannot push good snapshots out. Dates only say into which
// period a snapshot falls.

#include <cstdint>
#include <string>
#include <vector>

#include "dr/base/time.h"
#include "dr/models/retention_rule.h"
#include "dr/retention/calendar.h"

namespace dr {

struct RetentionSubject {
    std::string snapshot_id;
    std::string spec_id;
    std::string tag;
    Timestamp created_at;
    std::uint64_t retention_days = 0;
    Timestamp retain_until;  // 0: no lock
    bool held = false;       // a legal hold
};

struct RetentionDecision {
    bool keep = true;
    bool locked = false;               // WORM or a hold: stays, whatever the rules say
    std::vector<std::string> reasons;  // why it stays ("daily 2026-11-23 …"), or why it goes; never empty
};

// One decision for each of `subjects`, which stand in the order of the log, oldest first. `now` is the trusted time.
std::vector<RetentionDecision> decide_retention(const RetentionRule& rule,
                                                const std::vector<RetentionSubject>& subjects, Timestamp now,
                                                const SiteCalendar& calendar);

// Where nobody gave a rule: the default one (SPEC 5) keeps what it keeps, however old, so that backups that have failed
// for a while never cost the last good snapshot; what it does not keep goes when its own retention_days are over.
RetentionRule default_rule();
std::vector<RetentionDecision> decide_by_default(const std::vector<RetentionSubject>& subjects, Timestamp now,
                                                 const SiteCalendar& calendar);

}  // namespace dr
