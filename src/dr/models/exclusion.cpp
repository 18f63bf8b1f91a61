#include "dr/models/exclusion.h"

#include "dr/base/check.h"

namespace dr {
namespace {

struct Row {
    std::string_view id;
    std::string_view pattern;
    SkipReason reason;
    std::string_view text;
    std::string_view except = {};
};

constexpr std::string_view kKeyFile = "a private key";
constexpr std::string_view kKeyStore = "a key store";
constexpr std::string_view kCredentials = "credentials";

constexpr std::array kDefaults{
    Row{"secret.env", ".env", SkipReason::Secret, "settings with passwords"},
    Row{"secret.env_variants", ".env.*", SkipReason::Secret, "settings with passwords", ".env.example"},
    Row{"secret.pem", "*.pem", SkipReason::Secret, kKeyFile},
    Row{"secret.key", "*.key", SkipReason::Secret, kKeyFile},
    Row{"secret.ppk", "*.ppk", SkipReason::Secret, kKeyFile},
    Row{"secret.id_rsa", "id_rsa", SkipReason::Secret, kKeyFile},
    Row{"secret.id_dsa", "id_dsa", SkipReason::Secret, kKeyFile},
    Row{"secret.id_ecdsa", "id_ecdsa", SkipReason::Secret, kKeyFile},
    Row{"secret.id_ecdsa_sk", "id_ecdsa_sk", SkipReason::Secret, kKeyFile},
    Row{"secret.id_ed25519", "id_ed25519", SkipReason::Secret, kKeyFile},
    Row{"secret.id_ed25519_sk", "id_ed25519_sk", SkipReason::Secret, kKeyFile},
    Row{"secret.p12", "*.p12", SkipReason::Secret, kKeyStore},
    Row{"secret.pfx", "*.pfx", SkipReason::Secret, kKeyStore},
    Row{"secret.jks", "*.jks", SkipReason::Secret, kKeyStore},
    Row{"secret.keystore", "*.keystore", SkipReason::Secret, kKeyStore},
    Row{"secret.kdbx", "*.kdbx", SkipReason::Secret, "a password store"},
    Row{"secret.dr_key", "dr_key.json", SkipReason::Secret, "the key of the backups: keep it apart from them"},
    Row{"secret.dr_kek", "qnwis_dr/kek", SkipReason::Secret,
        "the key-encryption key of the backups: keep it apart from them"},
    Row{"secret.credentials", "credentials", SkipReason::Secret, kCredentials},
    Row{"secret.credentials_json", "credentials.json", SkipReason::Secret, kCredentials},
    Row{"secret.git_credentials", ".git-credentials", SkipReason::Secret, kCredentials},
    Row{"secret.netrc", ".netrc", SkipReason::Secret, kCredentials},
    Row{"secret.pgpass", ".pgpass", SkipReason::Secret, kCredentials},
    Row{"secret.aws", ".aws/credentials", SkipReason::Secret, kCredentials},
    Row{"secret.ssh", ".ssh/", SkipReason::Secret, "keys and hosts of a user"},
    Row{"secret.gnupg", ".gnupg/", SkipReason::Secret, "keys of a user"},
    Row{"pii.directory", "pii/", SkipReason::Pii, "personal data"},
    Row{"pii.file", "*.pii.*", SkipReason::Pii, "personal data"},
    Row{"pii.suffix", "*.pii", SkipReason::Pii, "personal data"},
    Row{"cache.pycache", "__pycache__/", SkipReason::Cache, "made again when it is needed"},
    Row{"cache.node_modules", "node_modules/.cache/", SkipReason::Cache, "made again when it is needed"},
    Row{"cache.dot_cache", ".cache/", SkipReason::Cache, "made again when it is needed"},
    Row{"cache.pytest", ".pytest_cache/", SkipReason::Cache, "made again when it is needed"},
    Row{"cache.mypy", ".mypy_cache/", SkipReason::Cache, "made again when it is needed"},
    Row{"cache.ruff", ".ruff_cache/", SkipReason::Cache, "made again when it is needed"},
    Row{"log.file", "*.log", SkipReason::Log, "a log file"},
    Row{"log.rotated", "*.log.[0-9]*", SkipReason::Log, "a rotated log file"},
    Row{"log.directory", "logs/", SkipReason::Log, "log files"},
};

}  // namespace

std::string_view label(SkipReason reason) {
    static constexpr std::array<std::string_view, kSkipReasons> kLabels{
        "not_selected", "secret", "private_key", "pii", "cache", "log", "excluded", "repository"};
    return kLabels[static_cast<std::size_t>(reason)];
}

std::vector<ExclusionRule> default_exclusion_rules(std::span<const std::string> pii_patterns) {
    std::vector<ExclusionRule> rules;
    rules.reserve(kDefaults.size() + pii_patterns.size());
    for (const Row& row : kDefaults) {
        rules.push_back({std::string(row.id), std::string(row.pattern), row.reason, std::string(row.text),
                         std::string(row.except)});
    }
    for (std::size_t i = 0; i < pii_patterns.size(); ++i) {
        rules.push_back({"pii.configured_" + std::to_string(i + 1),
                         pii_patterns[i],
                         SkipReason::Pii,
                         "personal data, as configured",
                         {}});
    }
    return rules;
}

Result<ExclusionSet> ExclusionSet::create(std::vector<ExclusionRule> rules) {
    ExclusionSet set;
    set.compiled_.reserve(rules.size());
    for (const ExclusionRule& rule : rules) {
        Compiled compiled{DR_TRY(Glob::parse(rule.pattern)), std::nullopt};
        if (!rule.except.empty()) compiled.except = DR_TRY(Glob::parse(rule.except));
        set.compiled_.push_back(std::move(compiled));
    }
    set.rules_ = std::move(rules);
    return set;
}

const ExclusionRule* ExclusionSet::match(std::string_view path, bool is_directory) const {
    for (std::size_t i = 0; i < compiled_.size(); ++i) {
        const Compiled& rule = compiled_[i];
        if (!rule.glob.matches(path, is_directory)) continue;
        if (rule.except && rule.except->matches(path, is_directory)) continue;
        return &rules_[i];
    }
    return nullptr;
}

const ExclusionRule* ExclusionSet::match_or_above(std::string_view path, bool is_directory) const {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
        if (const ExclusionRule* rule = match(path.substr(0, slash), true)) return rule;
    }
    return match(path, is_directory);
}

}  // namespace dr
