"""Secrets as programs write them, each beside what only looks like one and must stay.

No value here is anybody's: they are put together when the tests run.
"""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from fnr.policy.redaction import Redaction

WORD = "correct" + "horse"
MIXED = "a1B2" * 9
HEX = "0a1b2c3d" * 8
LOGIN = b64encode(b"bob:" + WORD.encode()).decode()
LINES = [f"{MIXED}{number}A+/{MIXED}" for number in range(3)]


def key(*, before: str = "", end: str = "\n") -> str:
    """A private key of three lines, each behind something."""
    name = "PRIVATE" + " KEY-----"
    return end.join(before + line for line in (f"-----BEGIN {name}", *LINES, f"-----END {name}"))


HIDDEN = [
    ("Cookie: a={}; theme=dark; sid={}", MIXED),
    ("('Cookie', 'sid={}')", MIXED),
    ("DB_PASS={} python x", WORD),
    ("{{'smtp_pass': '{}'}}", WORD),
    ("MYSQL_PWD={} mysqldump", WORD),
    ("PGPASSWORD={} psql", WORD),
    ("REDISCLI_AUTH={}", WORD),
    ("Server=h;Uid=a;Pwd={};Database=b", WORD),
    ("{{'pwd': '{}'}}", WORD),
    ("mysql -u root -p{} db", WORD),
    ("['mysqldump', '-u', 'root', '-p{}']", WORD),
    ("sshpass -p {} ssh h", WORD),
    ("7z x '-p{}' a.7z", WORD),
    ("7z x -p'{}' a.7z", WORD),
    ("redis-cli -h db -a {} ping", WORD),
    ('ran ["redis-cli","-a","{}","ping"]', WORD),
    ("ldapsearch -x -D 'cn=admin, dc=x' -w {} -b dc=x", WORD),
    ("['ldapsearch', '-x', '-w', '{}']", WORD + " and more"),
    ("mongosh -u root -p {}", WORD),
    ("docker login -u bob -p {} r.example", WORD),
    ("unzip -P {} a.zip", WORD),
    ("snmpget -v3 -A {} -X {} h", WORD),
    ("smbclient //h/s -U bob%{} -c ls", WORD),
    ("login -password={}", WORD),
    ("keytool -storepass {} -keystore x; ran ['keytool', '-keypass', '{}']", WORD),
    ("influx -username a -password {}", WORD),
    ("<user>a</user><db.password>{}</db.password>", WORD),
    ('<ns:Token type="a">{}</ns:Token>', MIXED),
    ('<add key="smtp.Password" value="{}"/>', WORD),
    ('{{"name": "DB_PASSWORD", "value": "{}"}}', WORD),
    ('{{\\"Name\\":\\"HF_TOKEN\\",\\"Value\\":\\"{}\\"}}', MIXED),
    ("env:\n  - name: DB_PASSWORD\n    value: {}\n", WORD),
    ("requests.get(url, auth=('bob', '{}'))", WORD),
    ("{{'auth': ('bob', '{}')}}", WORD),
    ('client.auth = HTTPBasicAuth("bob", "{}")', WORD),
    ("auth=token={}", MIXED),
    ("docker run -u bob:password={}", WORD),
    ("openssl enc -pass pass:{} -in x", WORD),
    ("curl -s -u bob:{} http://h/", WORD),
    ("curl --proxy-user bob:{} http://h/", WORD),
    ("CREATE USER 'x' IDENTIFIED BY '{}'", WORD),
    ("ALTER USER x IDENTIFIED WITH mysql_native_password BY '{}'", WORD),
    ("CREATE ROLE a WITH PASSWORD '{}'", WORD),
    ("mysql --password {} -h db", WORD),
    ("backup --db-password {}", WORD),
    ("Command '['a', '--password', '{}', 'b']' returned non-zero exit status 1.", WORD + " and so"),
    ('ran ["a","--api-key","{}"]', MIXED),
    ('{{\\"argv\\": [\\"a\\", \\"--password\\", \\"{}\\"]}}', WORD),
    ("jdbc:mysql://h/db?user=a&password={}&x=1", WORD),
    ("jdbc:oracle:thin:scott/{}@h:1521:x", WORD),
    ("machine h.example login bob password {}", WORD),
    ("machine h.example\n  login bob\n  password {}\n", WORD),
    ("  password: {}\n", WORD),
    ("(b'authorization', b'Basic {}')", LOGIN),
    ("Proxy-Authorization: Basic {}", LOGIN),
    ('Authorization: Digest username="bob", response="{}"', HEX),
    ("('x-api-key', '{}')", MIXED),
    ('"auths": {{"r.example": {{"auth": "{}"}}}}', LOGIN),
    ("_auth={}", LOGIN),
    ("//registry.example/:_authToken={}", "abcd-efgh-ijkl"),
    ("send: 'AUTH PLAIN {}'", LOGIN),
    ("sv=2022&sig={}%3D", MIXED),
    ("sig={}%3D&se=1", MIXED),
    ("  tls.key: {}", LOGIN),
    ("kind: Secret\ndata:\n  any: {}\n  other: {}\n", LOGIN),
    ("data:\n  any: {}\nkind: Secret\n", LOGIN),
    ('{{"data": {{"any": "{}"}}, "kind": "Secret"}}', LOGIN),
    ("https:\\/\\/bob:{}@h.example\\/x", WORD),
    ("to=https%3A%2F%2Fbob%3A{}%40h", WORD),
    ("https://hooks.slack.com/workflows/T0/{}", MIXED),
    ("https://ptb.discord.com/api/v10/webhooks/123/{}", MIXED),
    ("https://x.webhook.office.com/webhookb2/{}", MIXED),
    ("bot 123456789:AA{}", MIXED),
    ("declare -x API_KEYS={}", MIXED),
    ('{{"accessKeys": "{}"}}', MIXED),
    ("CREDENTIALS={}", MIXED),
]
TOKENS = [
    *(f"{name}-{MIXED}" for name in ("sk-ant-api03", "sk-or-v1", "glpat", "glft", "GOCSPX")),
    *(f"{name}_{MIXED}" for name in ("hf", "ghp", "github_pat", "dckr_oat", "ntn", "lin_api")),
    *(f"{name}_{HEX}" for name in ("sk", "shpat", "rubygems", "doo_v1", "lsv2_pt_0a")),
    f"glsa_{MIXED}_0a1b2c3d",
    f"whsec_{MIXED}",
    f"tskey-auth-{MIXED}-{MIXED}",
    f"xoxc-{MIXED}",
    f"1//0{MIXED}",
    "AGE-SECRET-KEY-1" + MIXED.upper(),
    "ASIA" + MIXED.upper()[:16],
    "AIza" + MIXED[:35],
    f"eyJ{MIXED}..{MIXED}.{MIXED}.{MIXED}",
]
LEFT = [
    "token 5 of 10; generated token 512 of 2048 at 33.2 tok/s",
    "key error: 'model.layers.0.self_attn.q_proj.weight'",
    "cls_token: torch.float32 torch.Size([1, 1, 768])",
    "models--org--name-xl-1.0/snapshots/462165984030d82259a11f4367a4eed129e94a7b",
    "550e8400-e29b-41d4-a716-446655440000 GPU-8a5f6c2e-1234-5678-9abc-def012345678",
    "sk-estimator-v2-final-2024-model and pypi-mirror-cache-server-2024-main",
    "mkdir -p /tmp/x; nmap -p22,80 h; mysql -u root -p db; mysql --port=3306; ssh -p 2222 h",
    "redis-cli -a is deprecated; cat redis-cli.log | head -a word; ldapsearch -w requires a value",
    "7z x -p a.7z; unrar x -p- a.rar; zip -r a.zip b && cp -P some other; unzip a.zip; ls -w 80",
    "docker run --name mongo -p 27017:27017 -d mongo; podman run -p 8080:80 login; mosh -p 60001 h",
    "docker run -u 1000:1000 -p 8080:80 image; docker run --user www-data:www-data image",
    "password: incorrect",
    "auth(user, password) of auth=(name, key) and auth('bob'), auth=('a', '') failed",
    "- name: DB_PASSWORD\n  valueFrom:\n    key: a\n- name: TOKEN\n  value: $(A_TOKEN_1)",
    '{"name": "max_tokens", "value": "4096"} {"key": "eos_token", "value": "word"}',
    "use -password option; -passwd is deprecated; ffmpeg -pass 2 -passlogfile log",
    '<token>expired</token> <password></password> <input name="password" type="text"> <Signature/>',
    "Password: required",
    "the --password option is deprecated; error: argument --password: expected one argument",
    "PWD=/home/bob2/work OLDPWD=/tmp2 and run(cmd, pwd=workdir, env=env)",
    "{'pwd': '/srv/app2', 'pass': 'beauty'}",
    "pass=3 fail=4; Login with password failed; with password authentication",
    "response=200 auth=basic auth: required author=Somebody2",
    "Authorization: required; Cookie: missing; sig=SIGTERM; IDENTIFIED BY is missing",
    "data:\n  any: dmFsdWU6eHh4\nkind: ConfigMap\n",
    "see 127.0.0.1:8188 at 10:30:00; 1//0 is a division; SG.blocks.2.conv1.weight",
    "-----BEGIN CERTIFICATE-----",
    "tls.key: no such file or directory",
    "invalid credentials: account1234 is locked; api keys: see page2024",
]


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_secrets_are_hidden_as_programs_write_them(text: str, secret: str) -> None:
    told = text.format(*[secret] * text.count("{}"))
    shown = Redaction().text(told)
    assert secret not in shown, shown
    assert "[redacted]" in shown or "***" in shown
    assert Redaction().text(shown) == shown
    # What stands before the secret tells what it was, and stays.
    assert shown[:4] == told[:4]


def test_of_two_headers_in_one_text_each_is_hidden_by_itself() -> None:
    told = f"'Set-Cookie: a={MIXED}; Secure\\r\\nSet-Cookie: b={MIXED}'"
    shown = "'Set-Cookie: a=[redacted]\\r\\nSet-Cookie: b=[redacted]'"
    assert Redaction().text(told) == shown


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_of_providers_are_hidden(token: str) -> None:
    assert Redaction().text(f"refused {token} for x") == "refused [redacted] for x"


@pytest.mark.parametrize("text", LEFT)
def test_ordinary_text_stays(text: str) -> None:
    assert Redaction().text(text) == text


@pytest.mark.parametrize("before", ["", "    ", "> ", "2026-01-01 10:00:00 INFO ", "+ # "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "', '"])
def test_a_private_key_is_hidden_whatever_stands_before_its_lines(before: str, end: str) -> None:
    shown = Redaction().text(f"read:\n{key(before=before, end=end)}\nand then")
    assert [line for line in LINES if line in shown] == []
    assert shown.startswith("read:\n")
    assert shown.endswith("\nand then")


def test_a_private_key_whose_beginning_was_cut_off_is_hidden_though_it_is_indented() -> None:
    _, _, cut = key(before="    ").partition("\n")
    shown = Redaction().text(f"the end of an output:\n{cut}")
    assert [line for line in LINES if line in shown] == []
    assert shown.startswith("the end of an output:\n")


@pytest.mark.parametrize(
    "piece",
    [
        "+" + "AKIA" + "ABCDEFGHIJKLMNOP\n",
        "eyJa.a.a.",
        "-eyJa-" + "AKIA" + "ABCDEFGHIJKLMNOP",
        "-----END PRIVATE KEY-----\nA\n",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_the_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    """Gone through again from each token, each of these would take many minutes."""
    assert b"ABCDEFGHIJKLMNOP" not in Redaction().data(piece.encode() * (2**20 // len(piece)))


def test_an_input_is_hidden_by_the_names_of_headers_and_of_secrets_of_kubernetes() -> None:
    given = {
        "headers": {"Authorization": f"Basic {LOGIN}", "Cookie": f"a=b; sid={MIXED}"},
        "pairs": [["Authorization", f"Basic {LOGIN}"]],
        "auths": {"r.example": {"auth": LOGIN}},
        "manifest": {"kind": "Secret", "data": {"any": "dmFsdWU="}},
        "argv": ["/usr/bin/mysql", "-p" + WORD, "-u", "root", "-p"],
        "commands": [
            ["ldapsearch", "-x", "-w", WORD, "-b", "dc=x"],
            ["smbclient", "//h/s", "-U", "bob%" + WORD, "-p", "445"],
            ["/usr/bin/7z", "x", f"-p{WORD} and more", {}, "a"],
        ],
        "env": [{"name": "DB_PASSWORD", "value": WORD}, {"name": "SIZE", "value": "4096"}],
        "pwd": "/srv/app2",
        "auth": "required",
        "cookie": "chocolate",
        "ports": ["nmap", "-p22"],
    }
    assert json.loads(Redaction().json(json.dumps(given).encode())) == {
        "headers": {"Authorization": "Basic [redacted]", "Cookie": "a=[redacted]"},
        "pairs": [["Authorization", "Basic [redacted]"]],
        "auths": {"r.example": {"auth": "[redacted]"}},
        "manifest": {"kind": "Secret", "data": {"any": "[redacted]"}},
        "argv": ["/usr/bin/mysql", "-p[redacted]", "-u", "root", "-p"],
        "commands": [
            ["ldapsearch", "-x", "-w", "[redacted]", "-b", "dc=x"],
            ["smbclient", "//h/s", "-U", "bob%[redacted]", "-p", "445"],
            ["/usr/bin/7z", "x", "-p[redacted]", {}, "a"],
        ],
        "env": [{"name": "DB_PASSWORD", "value": "[redacted]"}, {"name": "SIZE", "value": "4096"}],
        "pwd": "/srv/app2",
        "auth": "required",
        "cookie": "chocolate",
        "ports": ["nmap", "-p22"],
    }
