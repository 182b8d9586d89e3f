#!/usr/bin/env python3
"""Wrong flags, files, ports and targets: a clear error each, and nothing else suffers."""
import os
import pathlib
import subprocess
import time
import unittest

from stack import AGENT, SERVER, FakeTarget, Stack, free_port, main, wait_for


def run(*command, timeout=20):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout + done.stderr


class StartTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)

    def serve(self, config, *flags, data=None):
        return run(SERVER, "serve", f"--config.file={config}",
                   f"--storage.tsdb.path={data or self.stack.dir / 'data'}",
                   *(flags or [f"--web.listen-address=127.0.0.1:{free_port()}"]), "--ui.listen-address=")

    def refused(self, text, *expected):
        path = self.stack.dir / "bad.yml"
        path.write_text(text)
        code, output = self.serve(path)
        self.assertEqual(code, 1, output)
        for part in expected:
            self.assertIn(part, output)
        self.assertFalse((self.stack.dir / "data").exists(), "nothing is touched before the configuration is good")

    def test_unknown_flag(self):
        code, output = run(SERVER, "serve", "--storage.tsdb.pth=x")
        self.assertEqual(code, 1)
        self.assertIn("unknown flag --storage.tsdb.pth=x, did you mean --storage.tsdb.path?", output)
        code, output = run(AGENT, "--collector.cpuu")
        self.assertEqual(code, 1)
        self.assertIn("--collector.cpu", output)

    def test_help_and_version(self):
        for program in ([SERVER], [SERVER, "serve"], [AGENT]):
            code, output = run(*program, "--help")
            self.assertEqual(code, 0)
            self.assertIn("--version" if len(program) == 1 else "--config.file", output)
            self.assertEqual(run(*program, "--version")[0], 0)

    def test_refused_flags_say_why(self):
        code, output = self.serve(self.stack.config({"a": [1]}), "--agent")
        self.assertEqual(code, 1)
        self.assertIn("agent mode is not in this version", output)

    def test_web_config_that_is_not_there(self):
        code, output = self.serve(self.stack.config({"a": [1]}), "--web.config.file=x.yml")
        self.assertEqual(code, 1)
        self.assertIn("x.yml: No such file", output)

    def test_broken_yaml(self):
        self.refused("global:\n  scrape_interval: [15s\n", "bad.yml:")

    def test_unknown_key(self):
        self.refused("global:\n  scrape_intervall: 15s\n", "bad.yml:2:3", "scrape_intervall",
                     'did you mean "scrape_interval"')

    def test_duplicate_key(self):
        self.refused("global:\n  scrape_interval: 15s\n  scrape_interval: 5s\n", "bad.yml:3:3", "scrape_interval")

    def test_all_problems_at_once(self):
        self.refused("global:\n  scrape_interval: soon\nscrape_configs:\n- job_nam: x\n", "bad.yml:2", "bad.yml:4")

    def test_missing_file(self):
        code, output = self.serve(self.stack.dir / "none.yml")
        self.assertEqual(code, 1)
        self.assertIn("none.yml", output)

    def test_check_config(self):
        good = self.stack.config({"a": [1]})
        code, output = run(SERVER, "check", "config", good)
        self.assertEqual(code, 0)
        self.assertIn("good: 1 scrape job, 1 target in it, 0 targets in 0 target files", output)
        listed = self.stack.dir / "files.yml"
        listed.write_text("scrape_configs:\n- job_name: x\n  file_sd_configs: [{files: [targets-*.yml, none.json]}]\n")
        (self.stack.dir / "targets-1.yml").write_text("- targets: [a:1, b:2]\n")
        code, output = run(SERVER, "check", "config", listed)
        self.assertEqual(code, 0, output)
        self.assertIn("2 targets in 1 target file, 0 rules\n", output)
        self.assertIn("no file matches", output)
        (self.stack.dir / "targets-2.yml").write_text("- target: [a:1]\n")
        code, output = run(SERVER, "check", "config", listed)
        self.assertEqual(code, 1, output)
        self.assertIn("targets-2.yml:1:3", output)
        bad = self.stack.dir / "bad.yml"
        bad.write_text("x: 1\n")
        code, output = run(SERVER, "check", "config", good, bad)
        self.assertEqual(code, 1)
        self.assertIn("bad.yml:1:1", output)

    def test_port_in_use(self):
        with FakeTarget("") as other:
            code, output = self.serve(self.stack.config({"a": [1]}), f"--web.listen-address=127.0.0.1:{other.port}")
            self.assertEqual(code, 1)
            self.assertIn(f"127.0.0.1:{other.port}", output)
            self.assertIn("in use", output)
            code, output = run(AGENT, f"--web.listen-address=127.0.0.1:{other.port}")
            self.assertEqual(code, 1)
            self.assertIn("in use", output)

    def test_data_directory_not_writable(self):
        blocked = self.stack.dir / "file"
        blocked.write_text("")
        code, output = self.serve(self.stack.config({"a": [1]}), data=blocked / "data")
        self.assertEqual(code, 1)
        self.assertIn(f"{blocked}", output)
        if os.geteuid() != 0:
            locked = self.stack.dir / "locked"
            locked.mkdir(mode=0o500)
            self.assertEqual(self.serve(self.stack.config({"a": [1]}), data=locked / "data")[0], 1)

    def test_second_server_on_the_same_data(self):
        config = self.stack.config({"a": [1]})
        first = self.stack.server(config)
        code, output = self.serve(config)
        self.assertEqual(code, 1)
        self.assertIn("in use by another server", output)
        self.assertIn(str(first.process.pid), output)
        self.assertTrue(first.api.ready())


def slow(handler):
    time.sleep(3)
    handler.close_connection = True


def huge(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.end_headers()
    try:
        for _ in range(2000):
            handler.wfile.write(b"# " + b"x" * 1000 + b"\n")
    except OSError:
        pass
    handler.close_connection = True


class TargetTest(unittest.TestCase):
    def test_bad_targets_hurt_only_themselves(self):
        with Stack() as stack, FakeTarget("good 1\n") as good, FakeTarget("a 1\nb{x=\"y} 2\n") as malformed, \
                FakeTarget(slow) as sluggish, FakeTarget(huge) as big:
            closed = free_port()
            ports = {"good": good.port, "malformed": malformed.port, "slow": sluggish.port, "big": big.port,
                     "closed": closed}
            config = stack.config({job: [port] for job, port in ports.items()},
                                  extra="  body_size_limit: 100KB")
            api = stack.server(config).api

            def errors():
                return {t["scrapePool"]: (t["health"], t["lastError"])
                        for t in api.data("targets")["activeTargets"] if t["health"] != "unknown"}

            seen = wait_for("all scraped", lambda: len(errors()) == 5 and errors())
            self.assertEqual(seen["good"], ("up", ""))
            self.assertEqual(seen["malformed"][0], "down")
            self.assertIn("line 2", seen["malformed"][1])
            self.assertIn("deadline exceeded", seen["slow"][1])
            self.assertEqual(seen["big"], ("down", "body size limit of 102400 bytes exceeded (body_size_limit)"))
            self.assertIn("refused", seen["closed"][1])
            wait_for("up series", lambda: len(api.query("up")) == 5)
            self.assertEqual({r["metric"]["job"]: r["value"][1] for r in api.query("up")},
                             {"good": "1", "malformed": "0", "slow": "0", "big": "0", "closed": "0"})
            self.assertEqual(api.query("a"), [], "nothing of a malformed page is kept")
            malformed.page = "a 1\n"
            wait_for("it comes back", lambda: api.query('up{job="malformed"} == 1'))
            malformed.page = "b 1\n"
            wait_for("staleness", lambda: api.query("b") and not api.query("a"))


if __name__ == "__main__":
    main()
