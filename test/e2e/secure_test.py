#!/usr/bin/env python3
"""TLS, users and client certificates of both programs against stock peers, in both directions, and the secrets that
must not be seen anywhere."""
import contextlib
import crypt
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import threading
import unittest

from stack import AGENT, PEERS, SERVER, FakeTarget, Prometheus, Stack, fetch, free_port, wait_for

SECRET = "hunter2-secret"
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments, cwd=None):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def bcrypt(password, rounds=16):
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=rounds)).replace("$2b$", "$2y$")


class Authority:
    """A directory with a CA and certificates of it."""

    def __init__(self, directory):
        self.dir = directory
        directory.mkdir(exist_ok=True)
        openssl("req", "-x509", *NEW_KEY, "-days", "30", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=CA",
                cwd=directory)
        self.issue("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
        self.issue("client", "DNS:head,IP:10.0.0.9", "clientAuth")
        openssl("req", "-x509", *NEW_KEY, "-days", "30", "-keyout", "stranger.key", "-out", "stranger.crt",
                "-subj", "/CN=stranger", cwd=directory)

    def issue(self, name, sans, usage):
        (self.dir / f"{name}.ext").write_text(f"subjectAltName={sans}\nextendedKeyUsage={usage}\n")
        openssl("req", *NEW_KEY, "-keyout", f"{name}.key.new", "-out", f"{name}.csr", "-subj", f"/CN={name}",
                cwd=self.dir)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "30", "-extfile", f"{name}.ext", "-out", f"{name}.crt", cwd=self.dir)
        (self.dir / f"{name}.key.new").rename(self.dir / f"{name}.key")

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def web_config(self, name="web.yml", tls="", users=None):
        lines = ["tls_server_config:", "  cert_file: server.crt", "  key_file: server.key", tls]
        lines += ["basic_auth_users:"] + [f"  {user}: {bcrypt(pw)}" for user, pw in users.items()] if users else []
        return self.write(name, "\n".join(line for line in lines if line) + "\n")


class SecureCase(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(lambda: self.stack.__exit__(None, None, None))
        self.pki = Authority(self.stack.dir / "pki")

    def curl(self, url, *flags):
        """(curl's exit code, HTTP status, output)."""
        out = subprocess.run(["curl", "-s", "-m", "10", "--cacert", str(self.pki.dir / "ca.crt"), "-w", "\n%{http_code}",
                              *flags, url], capture_output=True, text=True)
        text, _, status = out.stdout.rpartition("\n")
        return out.returncode, int(status), text

    def serve(self, program, *flags, url, name=None):
        started = self.stack.start([program, *flags], name or f"p{len(self.stack.programs)}")
        wait_for(url, lambda: self.curl(url)[1] or self.curl(url, "--cert", str(self.pki.dir / "client.crt"), "--key",
                                                             str(self.pki.dir / "client.key"))[1])
        return started

    def agent(self, web):
        port = free_port()
        program = self.serve(AGENT, f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={web}",
                             url=f"https://localhost:{port}/metrics")
        return port, program

    def node_exporter(self, web):
        port = free_port()
        self.serve(PEERS / "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}",
                   f"--web.config.file={web}", url=f"https://localhost:{port}/metrics")
        return port

    def server(self, config, *flags, program=SERVER, scheme="http"):
        port = free_port()
        ours = ["serve", "--ui.listen-address="] if program == SERVER else []
        started = self.stack.start([program, *ours, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                                    f"--storage.tsdb.path={self.stack.dir / f'data-{port}'}", *flags], f"server-{port}")
        wait_for("server", lambda: self.curl(f"{scheme}://localhost:{port}/-/ready")[1] in (200, 401))
        return Prometheus(port), started

    def job(self, port, extra, name="j.yml"):
        return self.stack.config({"j": [f"localhost:{port}"]}, name=name, extra="  scheme: https\n" + extra)

    def up(self, server):
        for target in server.data("targets")["activeTargets"]:
            if target["health"] != "unknown":
                return target["health"], target["lastError"]
        return None


class SecureTest(SecureCase):
    def credentials(self):
        return f"  basic_auth: {{username: prom, password: {SECRET}}}\n  tls_config: {{ca_file: {self.pki.dir}/ca.crt}}"

    @unittest.skipUnless((PEERS / "prometheus").exists(), "no peers")
    def test_stock_and_ours_scrape_each_other(self):
        web = self.pki.web_config(users={"prom": SECRET})
        ours, _ = self.agent(web)
        stock = self.node_exporter(web)
        for program in (SERVER, PEERS / "prometheus"):
            for port in (ours, stock):
                with self.subTest(program=program, port=port):
                    server, _ = self.server(self.job(port, self.credentials()), program=program)
                    self.assertEqual(wait_for("scrape", lambda: self.up(server)), ("up", ""))
        # A stock server under TLS, over HTTP/2, and ours under the same file.
        for program, name in ((PEERS / "prometheus", "stock"), (SERVER, "ours")):
            server, _ = self.server(self.stack.config({"none": []}), f"--web.config.file={web}", program=program,
                                    scheme="https")
            port = server.url.rpartition(":")[2]
            ours, _ = self.server(self.job(port, self.credentials(), f"of-{name}.yml"))
            self.assertEqual(wait_for("scrape", lambda: self.up(ours)), ("up", ""))

    @unittest.skipUnless((PEERS / "prometheus-node-exporter").exists(), "no peers")
    def test_client_certificates_as_stock(self):
        presented = {"none": [], "good": ["client"], "stranger": ["stranger"]}
        for policy in ("NoClientCert", "RequestClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven",
                       "RequireAndVerifyClientCert"):
            ca = "" if policy == "NoClientCert" else "  client_ca_file: ca.crt"
            web = self.pki.web_config(f"{policy}.yml", f"  client_auth_type: {policy}\n{ca}")
            ours, stock = self.agent(web)[0], self.node_exporter(web)
            for who, files in presented.items():
                flags = [x for f in files for x in ("--cert", f"{self.pki.dir}/{f}.crt", "--key", f"{self.pki.dir}/{f}.key")]
                answers = [self.curl(f"https://localhost:{port}/metrics", *flags)[1] for port in (ours, stock)]
                self.assertEqual(answers[0], answers[1], (policy, who))

    def test_the_command_line_asks_over_tls(self):
        web = self.pki.web_config("both.yml", "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt",
                                  users={"prom": SECRET})
        port = free_port()
        self.serve(SERVER, "serve", "--ui.listen-address=", f"--config.file={self.stack.config({'none': []})}",
                   f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={self.stack.dir / 'data'}",
                   f"--web.config.file={web}", url=f"https://localhost:{port}/-/ready")
        trust = "ca_file: ca.crt"
        who = "cert_file: client.crt, key_file: client.key"
        user = "basic_auth: {username: prom, password: %s}"
        cases = {
            "nothing": ("", "certificate"),
            "no user": (f"tls_config: {{{trust}, {who}}}", "401"),
            "wrong password": (f"tls_config: {{{trust}, {who}}}\n{user % 'wrong'}", "401"),
            "no certificate": (f"tls_config: {{{trust}}}\n{user % SECRET}", "query error"),
            "another authority": (f"tls_config: {{ca_file: stranger.crt, {who}}}\n{user % SECRET}", "certificate"),
            "all": (f"tls_config: {{{trust}, {who}}}\n{user % SECRET}", None),
        }
        for name, (text, problem) in cases.items():
            with self.subTest(name):
                config = self.pki.write("client.yml", text + "\n")
                done = subprocess.run([SERVER, "query", "instant", f"--http.config.file={config}",
                                       f"https://localhost:{port}", "vector(41) + 1", "--time=5", "--format=promql"],
                                      capture_output=True, text=True, timeout=60)
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, 1 if problem else 0, said)
                self.assertIn(problem or "{} => 42 @[5]\n", said)
                self.assertNotIn(SECRET, said)

    def test_allowed_names_versions_and_suites(self):
        certificate = ["--cert", f"{self.pki.dir}/client.crt", "--key", f"{self.pki.dir}/client.key"]
        for names, status in (("[other]", 0), ("[other, head]", 200), ("[10.0.0.9]", 200)):
            web = self.pki.web_config("sans.yml", "  client_auth_type: RequireAndVerifyClientCert\n"
                                      f"  client_ca_file: ca.crt\n  client_allowed_sans: {names}")
            program = self.stack.start([AGENT, f"--web.listen-address=127.0.0.1:{(port := free_port())}",
                                        f"--web.config.file={web}"], f"sans-{port}")
            wait_for("start", lambda: "listening" in program.output())
            self.assertEqual(self.curl(f"https://localhost:{port}/metrics", *certificate)[1], status, names)
        web = self.pki.web_config("old.yml", "  max_version: TLS12\n"
                                  "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
                                  "  curve_preferences: [CurveP384]")
        port, _ = self.agent(web)
        url = f"https://localhost:{port}/metrics"
        self.assertEqual(self.curl(url)[1], 200)
        self.assertEqual(self.curl(url, "--tlsv1.3")[1], 0)
        self.assertEqual(self.curl(url, "--tls-max", "1.1")[1], 0)
        self.assertEqual(self.curl(url, "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256")[1], 0)
        self.assertEqual(self.curl(url, "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384")[1], 200)
        self.assertEqual(self.curl(url, "--curves", "prime256v1")[1], 0)
        self.assertEqual(self.curl(url, "--curves", "prime256v1:secp384r1")[1], 200)

    def test_the_agent_loads_the_library_for_tls_when_it_is_wanted(self):
        _, secure = self.agent(self.pki.web_config())
        port = free_port()
        plain = self.stack.start([AGENT, f"--web.listen-address=127.0.0.1:{port}"], "plain-agent")
        wait_for("agent", lambda: fetch(f"http://127.0.0.1:{port}/metrics")[0] == 200)
        maps = [pathlib.Path(f"/proc/{program.process.pid}/maps").read_text().splitlines() for program in (plain, secure)]
        loaded = [{line.split("/")[-1].split(".so")[0] for line in lines if ".so" in line} for lines in maps]
        if "libasan" in loaded[0] or "libtsan" in loaded[0]:
            self.skipTest("linked as usual for sanitizers")
        # Without optimisation it wants functions of libm, too.
        self.assertEqual(loaded[0] - {"libm"}, {"ld-linux-x86-64", "libc"})
        self.assertIn("libgnutls", loaded[1])

    def test_changes_are_taken_without_a_restart(self):
        web = self.pki.web_config(users={"prom": SECRET})
        port, program = self.agent(web)
        url = f"https://localhost:{port}/metrics"
        login = ("-u", f"prom:{SECRET}")

        def serial():
            der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
            return hash(der)

        first = serial()
        self.assertEqual(self.curl(url, *login)[1], 200)
        self.assertEqual(self.curl(url, "-u", "prom:wrong")[1], 401)
        self.assertEqual(self.curl(url, "-u", "nobody:x")[1], 401)
        self.pki.issue("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
        wait_for("new certificate", lambda: serial() != first)
        self.assertEqual(self.curl(url, *login)[1], 200)
        self.pki.web_config(users={"prom": "another"})
        wait_for("new password", lambda: self.curl(url, "-u", "prom:another")[1] == 200, pause=0.3)
        self.assertEqual(self.curl(url, *login)[1], 401)
        web.write_text("basic_auth_users: {prom: " + SECRET + "}\n")
        wait_for("complaint", lambda: self.curl(url)[1] and "the running one stays" in program.output(), pause=0.3)
        self.assertEqual(self.curl(url, "-u", "prom:another")[1], 200)
        self.assertNotIn(SECRET, program.output())

    def test_open_addresses_want_tls_and_users(self):
        config = self.stack.config({"none": []})

        def start(*flags):
            data = self.stack.dir / "data-open"
            return subprocess.Popen([SERVER, "serve", f"--config.file={config}", "--ui.listen-address=",
                                     f"--storage.tsdb.path={data}", *flags], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)

        address = f"--web.listen-address=0.0.0.0:{free_port()}"
        users = self.pki.write("users.yml", f"basic_auth_users: {{a: {bcrypt('x')}}}\n")
        for flags in ((), (f"--web.config.file={users}",), (f"--web.config.file={self.pki.web_config()}",)):
            refused = start(address, *flags)
            output = refused.communicate(timeout=20)[0]
            self.assertEqual(refused.returncode, 2, output)
            lines = [line for line in output.splitlines() if "would open the API" in line]
            self.assertEqual(len(lines), 1, output)
            self.assertIn("--web.insecure", lines[0])
        both = self.pki.web_config(users={"prom": SECRET})
        for flags, scheme in (((f"--web.config.file={both}",), "https"), (("--web.insecure",), "http")):
            running = start(address, *flags)
            url = f"{scheme}://localhost:{address.rpartition(':')[2]}/-/ready"
            try:
                wait_for(url, lambda: self.curl(url, "-u", f"prom:{SECRET}")[1] == 200)
            finally:
                running.terminate()
                running.communicate(timeout=20)
        agent = self.stack.start([AGENT, f"--web.listen-address=:{free_port()}"], "open-agent")
        wait_for("warning", lambda: "open to the network without TLS and users" in agent.output())

    def test_prefix_and_cross_origin_as_stock(self):
        config = self.stack.config({"none": []})
        flags = ("--web.external-url=http://head.example/metrics/prom", r"--web.cors.origin=https?://a\.example")
        names = ("Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
                 "Access-Control-Expose-Headers", "Vary")
        seen = []
        for program in [SERVER] + ([PEERS / "prometheus"] if (PEERS / "prometheus").exists() else []):
            port = free_port()
            ours = ["serve", "--ui.listen-address="] if program == SERVER else []
            self.stack.start([program, *ours, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                              f"--storage.tsdb.path={self.stack.dir / f'data-{port}'}", *flags], f"prefix-{port}")
            base = f"http://127.0.0.1:{port}"
            wait_for("ready", lambda: fetch(base + "/metrics/prom/-/ready")[0] == 200)
            answers = [fetch(base + path)[0] for path in ("/api/v1/labels", "/metrics/prom/api/v1/labels", "/-/healthy",
                                                          "/metrics/prom/-/healthy", "/metrics/prom/metrics")]
            for origin in ("https://a.example", "https://b.example", None):
                _, headers, _ = fetch(base + "/metrics/prom/api/v1/labels", headers={"Origin": origin} if origin else {})
                answers.append([headers.get(name) for name in names])
            seen.append(answers)
        self.assertEqual(seen[0][0:5], [404, 200, 404, 200, 200])
        self.assertEqual(seen[0][5][0], "https://a.example")
        self.assertIsNone(seen[0][6][0])
        for other in seen[1:]:
            self.assertEqual(seen[0], other)


class TokenServer:
    """Hands out tokens for SECRET, and counts."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests += 1
                body = json.dumps({"access_token": f"token-{SECRET}", "expires_in": 3600}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                body = b"a 1\n"
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.requests = 0
        self.seen = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class ConnectProxy(threading.Thread):
    """Opens tunnels to one port, whatever is asked for, and keeps the heads of the requests."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to, self.heads = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            threading.Thread(target=self.tunnel, args=(self.listener.accept()[0],), daemon=True).start()

    def tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1000)
        self.heads.append(head.decode())
        target = socket.create_connection(("127.0.0.1", self.to))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for a, b in ((client, target), (target, client)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        with contextlib.suppress(OSError):
            while piece := a.recv(65536):
                b.sendall(piece)
            b.shutdown(socket.SHUT_WR)


class SecretsTest(SecureCase):
    def test_tunnel_and_server_name(self):
        agent, _ = self.agent(self.pki.web_config(users={"prom": SECRET}))
        proxy = ConnectProxy(agent)
        tls = f"ca_file: {self.pki.dir}/ca.crt"
        job = (f"  scheme: https\n  basic_auth: {{username: prom, password: {SECRET}}}\n"
               f"  proxy_url: http://u:{SECRET}@127.0.0.1:{proxy.port}\n  proxy_connect_header: {{X-P: [value]}}\n")
        config = self.stack.config({"a": ["node.example:9100"]}, extra=job + f"  tls_config: {{{tls}, server_name: localhost}}")
        server, _ = self.server(config)
        self.assertEqual(wait_for("scrape", lambda: self.up(server)), ("up", ""))
        self.assertIn("X-P: value", proxy.heads[0])
        self.assertIn("Proxy-Authorization: Basic", proxy.heads[0])
        self.assertTrue(proxy.heads[0].startswith("CONNECT node.example:9100 "), proxy.heads[0])
        config = self.stack.config({"a": ["node.example:9100"]}, name="wrong.yml", extra=job + f"  tls_config: {{{tls}}}")
        health, error = wait_for("scrape", lambda s=self.server(config)[0]: self.up(s))
        self.assertEqual(health, "down")
        self.assertIn("tls: failed to verify certificate", error)
        self.assertNotIn(SECRET, error)

    def test_every_way_to_show_a_secret_and_none_to_see_it(self):
        token = TokenServer()
        self.addCleanup(token.server.shutdown)
        pw = self.pki.write("pw", SECRET + "\n")
        inline_key = json.dumps((self.pki.dir / "client.key").read_text())
        inline_cert = json.dumps((self.pki.dir / "client.crt").read_text())
        target = f"static_configs: [{{targets: ['127.0.0.1:{token.port}']}}]"
        closed = free_port()

        def answer(request):
            body = b'[{"targets": ["127.0.0.1:1"]}]'
            request.send_response(200)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        groups = FakeTarget(answer)
        self.addCleanup(groups.__exit__)
        config = self.pki.write("prometheus.yml", f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
alerting:
  alertmanagers:
  - basic_auth: {{username: u, password: {SECRET}}}
    http_headers: {{X-Am: {{secrets: [{SECRET}]}}}}
    static_configs: [{{targets: ['127.0.0.1:{closed}']}}]
scrape_configs:
- {{job_name: basic, basic_auth: {{username: u, password: {SECRET}}}, {target}}}
- {{job_name: file, metrics_path: /file, authorization: {{type: Token, credentials_file: {pw}}}, {target}}}
- {{job_name: bearer, metrics_path: /bearer, bearer_token: {SECRET}, {target}}}
- job_name: oauth
  metrics_path: /oauth
  oauth2: {{client_id: id, client_secret: {SECRET}, token_url: 'http://127.0.0.1:{token.port}/t'}}
  {target}
- job_name: proxied
  metrics_path: /proxied
  proxy_url: http://u:{SECRET}@127.0.0.1:{token.port}
  proxy_connect_header: {{X-P: [{SECRET}]}}
  http_headers: {{X-H: {{values: [v], secrets: [{SECRET}], files: [{pw}]}}}}
  static_configs: [{{targets: ['somewhere.example:80']}}]
- job_name: broken
  scheme: https
  proxy_url: http://u:{SECRET}@127.0.0.1:{closed}
  tls_config: {{cert: {inline_cert}, key: {inline_key}, server_name: x}}
  basic_auth: {{username: u, password: {SECRET}}}
  static_configs: [{{targets: ['127.0.0.1:{closed}']}}]
- {{job_name: nofile, basic_auth: {{username: u, password_file: {pw}.gone}}, {target}}}
- job_name: found
  http_sd_configs:
  - {{url: 'http://u:{SECRET}@127.0.0.1:{groups.port}/', refresh_interval: 1s}}
  - {{url: 'http://u:{SECRET}@127.0.0.1:{closed}/', refresh_interval: 1s}}
  consul_sd_configs: [{{server: '127.0.0.1:{closed}', token: {SECRET}, refresh_interval: 1s}}]
remote_write:
- {{url: 'http://u:{SECRET}@127.0.0.1:{closed}/w', queue_config: {{batch_send_deadline: 1s}}}}
- {{url: 'http://127.0.0.1:{closed}/x', basic_auth: {{username: u, password: {SECRET}}}}}
remote_read: [{{url: 'http://u:{SECRET}@127.0.0.1:{closed}/r', read_recent: true}}]
rule_files: [rules.yml]
""")
        self.pki.write("rules.yml", "groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'vector(1)'}]}]\n")
        server, program = self.server(config, "--log.level=debug", "--enable-feature=x", "--web.enable-lifecycle")

        def seen(path):
            return next((headers for p, headers in token.seen if p.endswith(path)), None)

        for path in ("/metrics", "/file", "/bearer", "/oauth", "/proxied"):
            wait_for(path, lambda path=path: seen(path))
        self.assertTrue(seen("/metrics")["Authorization"].startswith("Basic "))
        self.assertEqual(seen("/file")["Authorization"], f"Token {SECRET}")
        self.assertEqual(seen("/bearer")["Authorization"], f"Bearer {SECRET}")
        self.assertEqual(seen("/oauth")["Authorization"], f"Bearer token-{SECRET}")
        self.assertIn("Proxy-Authorization", seen("/proxied"))
        self.assertEqual(token.requests, 1)
        wait_for("alert", lambda: "alerts could not be told" in program.output())
        def jobs():
            return {t["labels"]["job"]: t for t in server.data("targets")["activeTargets"]}

        wait_for("scrapes", lambda: all(t["health"] != "unknown" for t in jobs().values()))
        wait_for("http_sd", lambda: "found" in jobs())
        wait_for("remote write", lambda: "could not be sent by remote write" in program.output())
        wait_for("discovery", lambda: "Unable to refresh target groups" in program.output())
        warned = json.dumps(server.get("query", query="up"))
        self.assertIn("remote_read", warned)
        targets = jobs()
        self.assertEqual(targets["broken"]["health"], "down")
        self.assertIn("unable to read basic auth password", targets["nofile"]["lastError"])
        for job in ("basic", "file", "bearer", "oauth", "proxied"):
            self.assertEqual(targets[job]["health"], "up", targets[job])
        # The file is read again: the target sees the new secret, on a new connection.
        pw.write_text("second-" + SECRET)
        wait_for("new secret", lambda: any(h.get("Authorization") == f"Token second-{SECRET}" for _, h in token.seen))
        pages = [json.dumps(server.get(path)) for path in ("status/config", "status/flags", "targets", "alertmanagers",
                                                           "status/runtimeinfo", "scrape_pools", "rules")]
        pages += [fetch(server.url + "/metrics")[2], program.output(), warned]
        pages += [json.dumps(server.get("scrape_pools/config", scrapePool="found"))]
        key_line = (self.pki.dir / "client.key").read_text().splitlines()[1]
        for page in pages:
            self.assertNotIn(SECRET, page)
            self.assertNotIn(key_line, page)
        config.write_text(config.read_text() + f"bogus_password: {SECRET}\n")
        self.assertNotIn(SECRET, fetch(server.url + "/-/reload", method="POST", data=b"")[2])
        self.assertNotIn(SECRET, program.output())


if __name__ == "__main__":
    unittest.main(verbosity=2)
