"""Every command line of the contract (SPEC 4) works as written: in order, as root, without any configuration."""

import os
import subprocess
import tempfile
import unittest

from dr_machine import IS_ROOT, PROGRAM, SAMPLE_WORKSPACE, main, remove_tree

# As root in a new system: only /mnt/backups and /mnt/restore are made; the current directory and /app are sample workspaces.
LINES = r"""
qnwis_dr keys init --output dr_key.json
qnwis_dr keys status --key-file dr_key.json
qnwis_dr plan --spec-id daily-backup-001 --tag daily --datasets LMIS_RETENTION_TS LMIS_SALARY_TS \
    --audit-packs --config-files --storage-target local-prod --encryption aes_256_gcm \
    --retention-days 30 --output backup_plan.json
qnwis_dr backup --spec backup_plan.json --storage-path /mnt/backups --key-file dr_key.json
qnwis_dr backup --spec backup_plan.json --storage-path /mnt/backups --backend local --worm \
    --key-file dr_key.json --workspace /app
qnwis_dr list --storage-path /mnt/backups --tag daily
qnwis_dr verify --snapshot-id <id> --storage-path /mnt/backups --key-file dr_key.json
qnwis_dr verify --snapshot-id <id> --storage-path /mnt/backups --key-file dr_key.json --sample-count 10
qnwis_dr restore --snapshot-id <id> --target-path /mnt/restore --dry-run
qnwis_dr restore --snapshot-id <id> --target-path /mnt/restore --overwrite
qnwis_dr restore --snapshot-id <id> --target-path /mnt/restore --key-file dr_key.json
qnwis_dr restore --snapshot-id <id> --storage-path /mnt/backups --target-path /mnt/restore --key-file dr_key.json
qnwis_dr prune --storage-path /mnt/backups --backend local --policy retention_policy.json
"""

# Runs in a mount namespace of its own: $1 is the new system's root. All of the machine that it sees is mounted read-only.
ENTER = r"""
set -e
root=$1
for directory in usr lib lib32 lib64 libx32 bin sbin; do
    if [ -L /$directory ]; then
        ln -s "$(readlink /$directory)" "$root/$directory"
    elif [ -d /$directory ]; then
        mkdir -p "$root/$directory"
        mount --bind /$directory "$root/$directory"
        mount -o remount,bind,ro "$root/$directory"
    fi
done
for directory in dev proc; do
    mkdir -p "$root/$directory"
    mount --rbind /$directory "$root/$directory"
done
cd "$root"
exec chroot "$root" /usr/bin/env -i PATH=/opt/bin:/usr/bin:/bin:/usr/sbin:/sbin "$2" -e -c 'cd /root/workspace; . /opt/lines'
"""


def commands():
    """The lines, with continued ones as one."""
    return [line for line in LINES.replace("\\\n", " ").splitlines() if line]


class ContractLines(unittest.TestCase):
    def setUp(self):
        if not IS_ROOT:
            self.skipTest("a system of its own needs root")
        if subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("this machine allows no private mounts")

    def new_system(self):
        root = tempfile.mkdtemp(prefix="qnwis-test-", dir=os.environ.get("TMPDIR", "/tmp"))
        self.addCleanup(remove_tree, root)
        for directory in ("etc", "opt/bin", "tmp", "var/lib", "var/tmp", "run", "root", "mnt/backups", "mnt/restore"):
            os.makedirs(os.path.join(root, directory))
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime"):
            if os.path.exists("/etc/" + name):
                subprocess.run(["cp", "-L", "/etc/" + name, os.path.join(root, "etc")], check=True)
        subprocess.run(["cp", PROGRAM, os.path.join(root, "opt/bin/qnwis_dr")], check=True)
        for workspace in ("app", "root/workspace"):
            subprocess.run([SAMPLE_WORKSPACE, os.path.join(root, workspace)], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(root, "root/workspace/retention_policy.json"), "w", encoding="utf-8") as file:
            file.write('{"rule_id": "default", "keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12, "min_age_days": 1}\n')
        return root

    def run_in(self, root, shell, script):
        with open(os.path.join(root, "opt/lines"), "w", encoding="utf-8") as file:
            file.write(script)
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", ENTER, "enter", root, shell],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def work_as_written(self, shell, snapshot):
        root = self.new_system()
        script = ["qnwis_dr version"]
        for line in commands():
            if "<id>" in line and not any(part.startswith("id=") for part in script):
                script.append(f"id={snapshot}")
            script.append("echo; echo '$ " + line + "'")
            # A subshell with the line and nothing else in it, as somebody types it.
            script.append(line.replace("<id>", '"$id"'))
        script.append("cd /mnt/restore")
        script.append("qnwis_dr manifest --storage-path /mnt/backups --key-file /root/workspace/dr_key.json --snapshot-id $id --format sha256sum >/tmp/sums")
        script.append("sha256sum -c --quiet /tmp/sums && wc -l </tmp/sums >/tmp/count")
        done = self.run_in(root, shell, "\n".join(script) + "\n")
        self.assertEqual(done.returncode, 0, done.stdout.decode(errors="backslashreplace"))
        with open(os.path.join(root, "tmp/count"), encoding="ascii") as file:
            self.assertGreater(int(file.read()), 5)
        self.assertTrue(os.path.exists(os.path.join(root, "etc/qnwis_dr/kek")))
        self.assertEqual(os.stat(os.path.join(root, "etc/qnwis_dr/kek")).st_mode & 0o777, 0o600)
        for secret in (".env", "id_rsa"):
            self.assertFalse(os.path.exists(os.path.join(root, "mnt/restore", secret)))
        return done

    def test_in_sh_by_the_ids_that_list_shows(self):
        self.work_as_written("/bin/sh", "$(qnwis_dr list --storage-path /mnt/backups --tag daily | sed -n '2s, .*,,p')")

    def test_in_bash_by_latest(self):
        self.work_as_written("/bin/bash", "latest")


if __name__ == "__main__":
    main()
