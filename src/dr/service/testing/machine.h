#pragma once
// A machine of its own for tests of the service: a key, an empty storage and a state directory in a temporary place.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "dr/platform/sim/sim_clock.h"
#include "dr/platform/sim/sim_random.h"
#include "dr/service/access.h"
#include "dr/service/service.h"

namespace dr::testing_support {

struct Machine : testing::Test {
    std::string place = (std::filesystem::temp_directory_path() / ("machine." + std::to_string(getpid()))).string();
    SimClock clock{Timestamp::from_seconds(1'800'000'000), 1'000'000};
    SeededRandom random{1};
    HostIdentity host{Bytes(16, 1), Bytes(16, 2), "host"};
    SiteCalendar calendar = SiteCalendar::utc();
    World world{clock, random, host, calendar};
    SilentMonitor monitor;
    Settings settings;
    Service service{world, settings};

    void SetUp() override {
        std::filesystem::create_directory(place);
        settings.storage_path = place + "/storage";
        settings.state_directory = place + "/state";
        settings.key_files = {place + "/dr_key.json"};
        settings.keys.default_kek_files = {place + "/kek"};
        settings.workers = 1;
        ASSERT_TRUE(service.keys_init({settings.key_files.front()}).ok());
        const Result<InitResult> made = service.init({}, monitor);
        ASSERT_TRUE(made.ok()) << made.error().one_line();
    }
    void TearDown() override { std::filesystem::remove_all(place); }

    OpenRepository open(Access access) {
        Result<OpenRepository> opened = open_repository(world, settings, access, monitor);
        EXPECT_TRUE(opened.ok()) << opened.error().one_line();
        return std::move(opened).value();
    }
};

}  // namespace dr::testing_support
