#include "dr/models/verification_report.h"

#include <gtest/gtest.h>

namespace dr {
namespace {

TEST(VerificationReport, PassesOnlyIfAllFourAreTrueAndNothingWentWrong) {
    for (int failing = -1; failing < 5; ++failing) {
        VerificationReport report;
        report.manifest_ok = failing != 0;
        report.sample_files_ok = failing != 1;
        report.decrypt_ok = failing != 2;
        report.restore_smoke_ok = failing != 3;
        if (failing == 4) report.errors.emplace_back("chunk 7f3a91c2 is damaged");
        EXPECT_EQ(report.passed(), failing == -1) << failing;
    }
}

TEST(VerificationReport, CannotLoseItsErrors) {
    const std::string text =
        R"({"report_id": "r", "snapshot_id": "s", "verified_at": "2026-11-23T17:08:42Z", "manifest_ok": true,
        "sample_files_ok": true, "decrypt_ok": true, "restore_smoke_ok": true})";
    EXPECT_EQ(parse_verification_report(text).error().what(), "'errors' in the verification report is missing");
}

}  // namespace
}  // namespace dr
