// sample_workspace DIR [SEED]: makes a QNWIS workspace to try the product on: what a plan selects, and beside it what a
// backup must leave out. Equal seeds make equal bytes. The numbers are invented; their shape is that of monthly
// labour-market series: a trend, a season, a shock in 2020 and noise.

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;

constexpr int kFirstYear = 2015;
constexpr int kLastYear = 2026;
constexpr int kLastMonth = 10;

constexpr std::array<std::string_view, 16> kSectors{
    "agriculture", "mining", "manufacturing", "energy",      "water",     "construction", "trade",  "transport",
    "hospitality", "ict",    "finance",       "real_estate", "education", "health",       "public", "households"};
constexpr std::array<std::string_view, 8> kMunicipalities{"Doha",    "Al Rayyan", "Al Wakrah", "Umm Salal",
                                                          "Al Khor", "Al Daayen", "Al Shamal", "Al Sheehaniya"};
constexpr std::array<std::string_view, 2> kGroups{"Qatari", "non-Qatari"};

struct Series {
    std::string_view id;
    std::string_view unit;
    double level;
    double trend_per_year;
    double season;
    double shock;  // factor in the spring of 2020
    int decimals;
};

constexpr std::array<Series, 5> kSeries{{
    {"LMIS_RETENTION_TS", "percent_retained_12m", 81.0, 0.35, 1.2, 0.93, 2},
    {"LMIS_SALARY_TS", "qar_per_month_median", 9400.0, 210.0, 90.0, 0.98, 0},
    {"LMIS_TURNOVER_TS", "percent_leaving_per_month", 2.4, -0.03, 0.35, 1.60, 3},
    {"LMIS_FORECLOSURES_TS", "establishments_closed", 21.0, 0.4, 3.0, 2.40, 0},
    {"LMIS_SECTOR_STATS_TS", "persons_employed", 12800.0, 310.0, 260.0, 0.90, 0},
}};

double value_at(const Series& series, double scale, int year, int month, std::mt19937_64& random) {
    constexpr double kTwoPi = 6.283185307179586;
    std::normal_distribution<double> noise{0.0, 0.012};
    double value = series.level + series.trend_per_year * (year - kFirstYear + (month - 1) / 12.0);
    value += series.season * std::sin(kTwoPi * (month - 3) / 12.0);
    if (year == 2020 && month >= 3 && month <= 8) value *= series.shock;
    return value * scale * (1.0 + noise(random));
}

std::ofstream create(const fs::path& path) {
    fs::create_directories(path.parent_path());
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    if (!out) {
        std::cerr << "cannot write " << path << '\n';
        std::exit(1);
    }
    return out;
}

void text(const fs::path& path, std::string_view content) { create(path) << content; }

void write_series(const fs::path& catalog, const Series& series, std::mt19937_64& random) {
    for (int year = kFirstYear; year <= kLastYear; ++year) {
        std::ofstream out = create(catalog / (std::string(series.id) + "_" + std::to_string(year) + ".csv"));
        out << "period,sector,municipality,group,unit,value,status\n";
        const int months = year == kLastYear ? kLastMonth : 12;
        for (int month = 1; month <= months; ++month) {
            for (std::size_t sector = 0; sector < kSectors.size(); ++sector) {
                for (std::size_t place = 0; place < kMunicipalities.size(); ++place) {
                    for (std::size_t group = 0; group < kGroups.size(); ++group) {
                        const double scale = (0.6 + 0.06 * static_cast<double>(sector)) *
                                             (1.1 - 0.04 * static_cast<double>(place)) * (group == 0 ? 1.25 : 0.95);
                        std::array<char, 160> line{};
                        const int size = std::snprintf(
                            line.data(), line.size(), "%04d-%02d,%s,%s,%s,%s,%.*f,%s\n", year, month,
                            kSectors[sector].data(), kMunicipalities[place].data(), kGroups[group].data(),
                            series.unit.data(), series.decimals, value_at(series, scale, year, month, random),
                            year == kLastYear && month >= kLastMonth - 1 ? "provisional" : "final");
                        out.write(line.data(), size);
                    }
                }
            }
        }
    }
}

void write_audit_packs(const fs::path& root, std::mt19937_64& random) {
    for (int month = 1; month <= kLastMonth; ++month) {
        std::array<char, 32> name{};
        std::snprintf(name.data(), name.size(), "2026-%02d", month);
        const fs::path pack = root / "audit_packs" / name.data();
        std::ofstream trail = create(pack / "audit_trail.jsonl");
        for (int event = 0; event < 400; ++event) {
            trail << R"({"seq":)" << event << R"(,"month":")" << name.data()
                  << R"(","actor":"svc-lmis","action":"publish","object":"series/)"
                  << kSeries[random() % kSeries.size()].id << R"(","digest":")" << std::hex << random() << random()
                  << std::dec << "\"}\n";
        }
        text(pack / "evidence" / "checks.json", R"({"completeness":"passed","range":"passed","outliers_reviewed":true})"
                                                "\n");
        text(pack / "evidence" / "statement.txt",
             "Monthly statement: every series was published on time and reviewed by two people.\n");
    }
}

void write_configuration(const fs::path& root) {
    text(root / ".env.example", "QNWIS_DB_URL=postgresql://qnwis@localhost/qnwis\nQNWIS_LOG_LEVEL=info\n");
    const fs::path config = root / "src/qnwis/config";
    text(config / "rbac.yml", "dr.backup: {allow: [admin, service]}\ndr.list: {allow: [analyst, admin, service]}\n");
    text(config / "alerts.yml", "groups:\n  - name: qnwis\n    rules: []\n");
    text(config / "slo.yml", "availability: 99.5\nlatency_p95_ms: 800\n");
    text(config / "settings.toml", "[series]\nfirst_year = 2015\nprovisional_months = 2\n");
    text(root / "src/qnwis/main.py", "def main() -> None:\n    print(\"QNWIS\")\n");
    text(root / "README.md",
         "# QNWIS sample workspace\nMade by a seeded generator; nothing here is about a real person.\n");
}

// What a backup must leave out by default (SPEC 3). The secrets are examples, not keys of anything.
void write_what_stays_behind(const fs::path& root) {
    text(root / ".env", "QNWIS_DB_PASSWORD=canary-secret-in-dotenv\n");
    text(root / "src/qnwis/config/tls/server.key",
         "-----BEGIN PRIVATE KEY-----\ncanary-secret-private-key\n-----END PRIVATE KEY-----\n");
    text(root / "data/catalog/pii/LMIS_RETENTION_TS_persons.csv", "qid,name\n00000000000,canary-person-in-pii\n");
    text(root / "src/qnwis/__pycache__/main.cpython-311.pyc", "canary-cache\n");
    text(root / "audit_packs/.cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    text(root / "audit_packs/.cache/render.bin", "canary-cache\n");
    text(root / "logs/qnwis.log", "2026-11-01T00:00:00Z canary-log-line\n");
    text(root / "audit_packs/2026-10/run.log", "canary-log-line\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::cerr << "usage: sample_workspace DIR [SEED]\n";
        return 2;
    }
    const fs::path root = argv[1];
    std::uint64_t seed = 2026;
    if (argc == 3) {
        const std::string_view given = argv[2];
        if (std::from_chars(given.begin(), given.end(), seed).ptr != given.end()) {
            std::cerr << "the seed is a number\n";
            return 2;
        }
    }
    std::mt19937_64 random{seed};
    for (const Series& series : kSeries) write_series(root / "data/catalog", series, random);
    write_audit_packs(root, random);
    write_configuration(root);
    write_what_stays_behind(root);
    return 0;
}
