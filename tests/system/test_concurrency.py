"""Several machines in one repository at once, some of them killed: what was acknowledged stays whole."""

import json
import os
import random
import subprocess
import threading
import unittest

from dr_machine import LONG, MIB, Machine, main, write_random

SEED = int(os.environ.get("DR_TEST_SEED", "1"))
WRITERS = 6
ROUNDS = 12 if LONG else 3
KILLS = 2 * (5 if LONG else 1)


class Concurrency(unittest.TestCase):
    def setUp(self):
        self.machine = Machine(self).make_key()
        self.machine.run("init")
        self.lock = threading.Lock()
        self.acknowledged = []
        self.problems = []
        self.running = set()
        self.kills_left = KILLS
        self.writing = True

    def make_source(self, writer):
        """Half of it is every writer's, so that they meet in the same blobs."""
        source = self.machine.path(f"source-{writer}")
        os.mkdir(source)
        write_random(os.path.join(source, "common"), 6 * MIB, 1000)
        write_random(os.path.join(source, "own"), 6 * MIB, writer)
        for number in range(200):
            write_random(os.path.join(source, f"small-{number}"), 700, number if number % 2 else writer * 1000 + number)
        return source

    def run_beside(self, *words, env=None, allowed=(0,)):
        """Runs among the others; the killer may hit it."""
        process = self.machine.start(*words, env=env)
        with self.lock:
            self.running.add(process)
        out, err = process.communicate()
        with self.lock:
            self.running.discard(process)
        if process.returncode not in allowed and process.returncode != -9:
            with self.lock:
                self.problems.append(f"{' '.join(words)}: exit {process.returncode}\n{err.decode(errors='replace')[-3000:]}")
        return process.returncode, out

    def writer(self, number, plan):
        env = {"QNWIS_DR_STATE_DIR": self.machine.path(f"state-{number}")}  # as if it were a machine of its own
        for round_number in range(ROUNDS):
            write_random(os.path.join(self.machine.path(f"source-{number}"), "changing"), 2 * MIB, number * 100 + round_number)
            status, out = self.run_beside("backup", "--spec", plan, "--json", env=env)
            if status == 0:
                snapshot = json.loads(out.splitlines()[-1])["snapshot_id"]
                with self.lock:
                    self.acknowledged.append(snapshot)

    def pruner(self):
        env = {"QNWIS_DR_STATE_DIR": self.machine.path("state-prune")}
        while self.writing:
            self.run_beside("prune", "--json", env=env)

    def verifier(self):
        env = {"QNWIS_DR_STATE_DIR": self.machine.path("state-verify")}
        while self.writing:
            if self.acknowledged:
                self.run_beside("verify", "--snapshot-id", "latest", "--json", env=env)

    def killer(self):
        rng = random.Random(SEED)
        pause = threading.Event()
        while self.writing and self.kills_left > 0:
            pause.wait(rng.uniform(0.5, 2.5))
            with self.lock:
                victims = sorted((process for process in self.running if "backup" in process.args or self.kills_left % 2 == 0), key=lambda process: process.pid)
                if victims:
                    rng.choice(victims).kill()
                    self.kills_left -= 1

    def test_what_was_acknowledged_beside_prune_verify_and_kills_is_whole(self):
        sources = [self.make_source(number) for number in range(WRITERS)]
        plans = [self.machine.plan(f"plan-{number}", [source]) for number, source in enumerate(sources)]
        others = [threading.Thread(target=loop) for loop in (self.pruner, self.verifier, self.killer)]
        writers = [threading.Thread(target=self.writer, args=(number, plan)) for number, plan in enumerate(plans)]
        for thread in writers + others:
            thread.start()
        for thread in writers:
            thread.join()
        self.writing = False
        for thread in others:
            thread.join()

        self.assertEqual(self.problems, [], "\n".join(self.problems))
        listed = self.machine.snapshots()
        self.assertGreaterEqual(len(self.acknowledged), WRITERS * ROUNDS - KILLS)
        self.assertEqual([snapshot for snapshot in self.acknowledged if snapshot not in listed], [])
        self.machine.run("prune")
        self.machine.verify_everything(listed)

        # Every writer's last state once more, so that the restore can be compared with what is there now.
        for number in (0, WRITERS - 1):
            snapshot = self.machine.backup(plans[number])["snapshot_id"]
            target = os.path.join(self.machine.target, f"back-{number}")
            self.machine.restore(target, snapshot=snapshot)
            subprocess.run(["diff", "-r", sources[number], os.path.join(target, sources[number].lstrip("/"))], check=True)

    def test_verification_beside_prune_finds_no_damage_in_what_is_kept(self):
        """Prune moves what a snapshot refers to from one pack to another while verification sets out to read it."""
        source = self.make_source(0)
        plan = self.machine.plan("plan", [source])
        policy = self.machine.path("policy.json")
        with open(policy, "w", encoding="ascii") as file:
            json.dump({"rule_id": "one", "keep_daily": 1, "keep_weekly": 0, "keep_monthly": 0, "min_age_days": 0}, file)
        self.acknowledged.append(self.machine.backup(plan)["snapshot_id"])
        env = {"QNWIS_DR_STATE_DIR": self.machine.path("state-verify")}

        def verify():
            while self.writing:
                self.run_beside("verify", "--snapshot-id", "latest", "--all", "--json", env=env)

        verifiers = [threading.Thread(target=verify) for _ in range(2)]
        for thread in verifiers:
            thread.start()
        try:
            for number in range(60 if LONG else 15):
                write_random(os.path.join(source, "changing"), MIB, number)
                self.machine.backup(plan)
                self.machine.run("prune", "--policy", policy)
        finally:
            self.writing = False
            for thread in verifiers:
                thread.join()
        self.assertEqual(self.problems, [], "\n".join(self.problems))


if __name__ == "__main__":
    main()
