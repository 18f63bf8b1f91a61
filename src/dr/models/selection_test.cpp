#include "dr/models/selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace dr {
namespace {

BackupSpec spec() {
    BackupSpec spec;
    spec.spec_id = Identifier::parse("s").value();
    spec.tag = Identifier::parse("daily").value();
    return spec;
}

class Chosen {
public:
    explicit Chosen(const BackupSpec& plan, const WorkspaceMapping& mapping = {}, std::string_view workspace = "/app")
        : selection(Selection::create(plan, mapping, workspace).value()) {}

    // "selected", "maybe", or the label of the reason.
    std::string of(std::string_view path, EntryFacts facts = {}) const {
        return words(selection.decide(relative(path), facts));
    }
    std::string directory(std::string_view path) const { return of(path, {.kind = PathKind::Directory}); }
    std::string outside(std::string_view path, PathKind kind = PathKind::File) const {
        return words(selection.decide_outside(relative(path), {.kind = kind}));
    }

    Selection selection;

private:
    static RelativePath relative(std::string_view path) {
        return path.empty() ? RelativePath{} : RelativePath::parse(path).value();
    }
    static std::string words(const Decision& decision) {
        if (decision.verdict == Verdict::Selected) return "selected";
        if (decision.verdict == Verdict::MaybeBelow) return "maybe";
        return std::string(label(decision.reason));
    }
};

TEST(Selection, NothingSelectedMeansTheWholeWorkspace) {
    const Chosen chosen{spec()};
    EXPECT_EQ(chosen.directory(""), "selected");
    EXPECT_EQ(chosen.of("any/file"), "selected");
    EXPECT_EQ(chosen.of("fifo", {.kind = PathKind::Other}), "selected");
    EXPECT_TRUE(chosen.selection.touches_workspace());
    EXPECT_EQ(chosen.selection.explain().front().id, "workspace");
}

TEST(Selection, DatasetsAreCatalogFilesWhoseNameContainsTheId) {
    BackupSpec plan = spec();
    plan.datasets = {Identifier::parse("LMIS_RETENTION_TS").value(), Identifier::parse("LMIS_SALARY_TS").value()};
    const Chosen chosen{plan};
    EXPECT_EQ(chosen.of("data/catalog/LMIS_RETENTION_TS.csv"), "selected");
    EXPECT_EQ(chosen.of("data/catalog/2025/x_LMIS_SALARY_TS_v2.csv"), "selected");
    EXPECT_EQ(chosen.of("data/catalog/lmis_salary_ts.csv"), "not_selected");
    EXPECT_EQ(chosen.of("data/catalog/LMIS_SALARY_TS/part.csv"), "not_selected");
    EXPECT_EQ(chosen.of("data/LMIS_SALARY_TS.csv"), "not_selected");
    EXPECT_EQ(chosen.of("data/catalog/LMIS_SALARY_TS.log"), "log");
    EXPECT_EQ(chosen.directory(""), "maybe");
    EXPECT_EQ(chosen.directory("data"), "maybe");
    EXPECT_EQ(chosen.directory("data/catalog/2025"), "maybe");
    EXPECT_EQ(chosen.directory("data/other"), "not_selected");

    DatasetTally tally{chosen.selection};
    const std::vector<std::size_t> retention =
        tally.found(RelativePath::parse("data/catalog/LMIS_RETENTION_TS.csv").value());
    tally.stored(tally.found(RelativePath::parse("elsewhere/LMIS_SALARY_TS.csv").value()));
    EXPECT_EQ(tally.missing().size(), 2U);
    ASSERT_EQ(tally.left_out().size(), 1U);
    EXPECT_EQ(tally.left_out()[0].text(), "LMIS_RETENTION_TS");
    tally.stored(retention);
    EXPECT_TRUE(tally.left_out().empty());
    ASSERT_EQ(tally.missing().size(), 1U);
    EXPECT_EQ(tally.missing()[0].text(), "LMIS_SALARY_TS");
}

TEST(Selection, AuditPacksAndConfigurationAreWhatTheMappingSays) {
    BackupSpec plan = spec();
    plan.audit_packs = true;
    plan.config = true;
    plan.config_paths = {"extra.yml", "/etc/site.conf"};
    const Chosen chosen{plan};
    EXPECT_EQ(chosen.of("audit_packs/2025/pack.zip"), "selected");
    EXPECT_EQ(chosen.of(".env.example"), "selected");
    EXPECT_EQ(chosen.of("src/qnwis/config/rbac.yml"), "selected");
    EXPECT_EQ(chosen.of("extra.yml"), "selected");
    EXPECT_EQ(chosen.of("src/qnwis/main.py"), "not_selected");
    EXPECT_EQ(chosen.directory("src"), "maybe");
    ASSERT_EQ(chosen.selection.outside_roots().size(), 1U);
    EXPECT_EQ(chosen.selection.outside_roots()[0].path, "/etc/site.conf");

    WorkspaceMapping other;
    other.audit_pack_directories = {"evidence"};
    EXPECT_EQ(Chosen(plan, other).of("evidence/x"), "selected");
    EXPECT_EQ(Chosen(plan, other).of("audit_packs/x"), "not_selected");
}

TEST(Selection, PathsAloneAreAFullSelection) {
    BackupSpec plan = spec();
    plan.paths = {"docs", "/app/data/x", "/usr/share", "/usr", "/appendix"};
    const Chosen chosen{plan};
    EXPECT_EQ(chosen.of("docs/a"), "selected");
    EXPECT_EQ(chosen.of("data/x"), "selected");
    EXPECT_EQ(chosen.of("data/y"), "not_selected");
    EXPECT_EQ(chosen.of("other"), "not_selected");
    ASSERT_EQ(chosen.selection.outside_roots().size(), 2U);
    EXPECT_EQ(chosen.selection.outside_roots()[0].path, "/appendix");
    EXPECT_EQ(chosen.selection.outside_roots()[1].path, "/usr");
    EXPECT_EQ(chosen.outside("usr/bin/x"), "selected");
    EXPECT_EQ(chosen.outside("usr/lib/python3/__pycache__", PathKind::Directory), "cache");
    EXPECT_EQ(chosen.outside("etc/passwd"), "not_selected");
    EXPECT_EQ(std::ranges::count(chosen.selection.places(), false, &SelectedPlace::outside), 2);
    EXPECT_EQ(std::ranges::count(chosen.selection.places(), true, &SelectedPlace::outside), 3);
    EXPECT_TRUE(chosen.selection.selects("/usr/bin/x"));
    EXPECT_TRUE(chosen.selection.selects("/app/docs/a"));
    EXPECT_FALSE(chosen.selection.selects("/app"));
    EXPECT_FALSE(chosen.selection.selects("/app/other"));
    EXPECT_FALSE(chosen.selection.selects("/etc"));

    plan.paths = {"/usr"};
    EXPECT_FALSE(Chosen{plan}.selection.touches_workspace());
    plan.paths = {"/app"};
    EXPECT_EQ(Chosen{plan}.of("any"), "selected");
    plan.paths = {"/usr/x"};
    EXPECT_EQ(Chosen(plan, {}, "/").of("usr/x/y"), "selected");
    plan.paths = {"/"};
    EXPECT_EQ(Chosen{plan}.selection.outside_roots()[0].path, "/");
    EXPECT_EQ(Chosen{plan}.outside("etc/passwd"), "selected");
    EXPECT_EQ(Chosen{plan}.outside("", PathKind::Directory), "selected");
}

TEST(Selection, AnEntryBelongsToThePartsWhosePlacesHoldIt) {
    BackupSpec plan = spec();
    plan.audit_packs = plan.config = true;
    plan.config_paths = {"audit_packs/rules", "/etc/app"};
    plan.paths = {"docs"};
    const Chosen chosen{plan};
    const auto parts = [&](const char* path, bool outside = false) {
        return chosen.selection.parts_of(RelativePath::parse(path).value(), outside);
    };
    EXPECT_EQ(chosen.selection.parts(),
              (std::vector<SelectedPart>{{"audit_packs", "audit_packs"}, {"config", ".env.example"}}));
    EXPECT_EQ(parts("audit_packs/1/x"), 1U);
    EXPECT_EQ(parts(".env.example"), 2U);
    EXPECT_EQ(parts("audit_packs/rules/x"), 3U);
    EXPECT_EQ(parts("docs/x"), 0U);
    EXPECT_EQ(parts("etc/app/x"), 0U);
    EXPECT_EQ(parts("etc/app/x", true), 2U);
}

TEST(Selection, SecretsCachesAndLogsAreLeftOutForAReason) {
    const Chosen chosen{spec()};
    for (const char* path : {".env",
                             "a/.env.production",
                             "tls/server.pem",
                             "server.key",
                             "x/id_rsa",
                             "id_ed25519",
                             "id_ecdsa",
                             "id_dsa",
                             "a.p12",
                             "a.pfx",
                             "a.jks",
                             "a.keystore",
                             "a.kdbx",
                             "dr_key.json",
                             "credentials",
                             "credentials.json",
                             ".netrc",
                             ".pgpass",
                             "home/.aws/credentials",
                             "etc/qnwis_dr/kek",
                             "putty.ppk"}) {
        EXPECT_EQ(chosen.of(path), "secret") << path;
    }
    EXPECT_EQ(chosen.directory(".ssh"), "secret");
    EXPECT_EQ(chosen.directory("data/pii"), "pii");
    EXPECT_EQ(chosen.of("people.pii.csv"), "pii");
    for (const char* path : {"__pycache__", "web/node_modules/.cache", ".cache", ".pytest_cache", ".mypy_cache"}) {
        EXPECT_EQ(chosen.directory(path), "cache") << path;
    }
    EXPECT_EQ(chosen.of("target", {.kind = PathKind::Directory, .has_cachedir_tag = true}), "cache");
    EXPECT_EQ(chosen.of("", {.kind = PathKind::Directory, .has_cachedir_tag = true}), "selected");
    for (const char* path : {"app.log", "app.log.1", "app.log.2.gz"}) EXPECT_EQ(chosen.of(path), "log") << path;
    EXPECT_EQ(chosen.directory("logs"), "log");
    for (const char* path :
         {".env.example", "environment", "id_rsa.pub", "catalog", "blog", "keynote.keys", "logs", "pii"}) {
        EXPECT_EQ(chosen.of(path), "selected") << path;
    }
}

TEST(Selection, TheRulesYieldOnlyToAnExplicitOption) {
    BackupSpec plan = spec();
    plan.paths = {".env", "/home/u/.ssh/config"};
    EXPECT_EQ(Chosen{plan}.of(".env"), "secret");
    ASSERT_NE(Chosen{plan}.selection.outside_roots()[0].excluded, nullptr);
    const Chosen chosen{plan};
    EXPECT_EQ(chosen.selection.outside_roots()[0].excluded->id, "secret.ssh");

    plan.default_excludes = false;
    const Chosen everything{plan};
    EXPECT_EQ(everything.of(".env"), "selected");
    EXPECT_EQ(everything.selection.outside_roots()[0].excluded, nullptr);
    EXPECT_EQ(everything.outside("home/u/.ssh/config"), "selected");
}

TEST(Selection, TheRepositoryIsNeverInItself) {
    BackupSpec plan = spec();
    plan.default_excludes = false;
    EXPECT_EQ(Chosen{plan}.of("backups", {.kind = PathKind::Directory, .is_repository = true}), "repository");
    EXPECT_EQ(Chosen{plan}.of("", {.kind = PathKind::Directory, .is_repository = true}), "repository");
}

TEST(Selection, TheUserMayLeaveOutMore) {
    BackupSpec plan = spec();
    plan.exclude = {"*.tmp", "/build/"};
    WorkspaceMapping mapping;
    mapping.pii_patterns = {"*.xlsx"};
    const Chosen chosen{plan, mapping};
    EXPECT_EQ(chosen.of("a/b.tmp"), "excluded");
    EXPECT_EQ(chosen.directory("build"), "excluded");
    EXPECT_EQ(chosen.directory("src/build"), "selected");
    EXPECT_EQ(chosen.of("people.xlsx"), "pii");
}

TEST(Selection, ExplainsEveryRuleOnce) {
    BackupSpec plan = spec();
    plan.datasets = {Identifier::parse("X").value()};
    plan.exclude = {"*.tmp"};
    const std::vector<Explanation> lines = Chosen{plan}.selection.explain();
    std::set<std::string> ids;
    for (const Explanation& line : lines) {
        EXPECT_TRUE(ids.insert(line.id).second) << line.id;
        EXPECT_FALSE(line.pattern.empty() || line.text.empty() || line.reason.empty()) << line.id;
    }
    EXPECT_TRUE(lines.front().includes);
    for (const char* id : {"dataset.X", "secret.env", "cache.cachedir_tag", "log.file", "exclude_1", "repository",
                           "secret.private_key_content"}) {
        EXPECT_TRUE(ids.contains(id)) << id;
    }
    const auto variants = std::ranges::find(lines, "secret.env_variants", &Explanation::id);
    EXPECT_NE(variants->text.find("except '.env.example'"), std::string::npos);

    plan.default_excludes = false;
    EXPECT_LT(Chosen{plan}.selection.explain().size(), 5U);
}

TEST(Selection, RefusesWhatCannotBeMeant) {
    const auto create = [](const BackupSpec& plan, const WorkspaceMapping& mapping = {}) {
        return Selection::create(plan, mapping, "/app").ok();
    };
    BackupSpec plan = spec();
    plan.paths = {"../x"};
    EXPECT_FALSE(create(plan));
    plan = spec();
    plan.exclude = {"[x"};
    EXPECT_FALSE(create(plan));
    plan = spec();
    plan.datasets = {Identifier::parse("X").value()};
    WorkspaceMapping mapping;
    mapping.catalog_directories = {"/elsewhere"};
    EXPECT_FALSE(create(plan, mapping));
}

TEST(Exclusion, AnExcludedDirectoryTakesWhatIsBelow) {
    const ExclusionSet set = ExclusionSet::create(default_exclusion_rules()).value();
    EXPECT_EQ(set.match_or_above("a/.ssh/known_hosts", false)->id, "secret.ssh");
    EXPECT_EQ(set.match_or_above("a/b/c", false), nullptr);
    EXPECT_EQ(set.match("a/.ssh/known_hosts", false), nullptr);
    std::set<std::string> ids;
    for (const ExclusionRule& rule : set.rules()) EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
}

}  // namespace
}  // namespace dr
