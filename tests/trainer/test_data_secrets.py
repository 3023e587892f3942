"""Secrets are found, placed and named, and what is only code is left alone."""

import base64
import random
import string
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.secrets import MOST_A_TEXT, find_secrets

ROOT = Path(__file__).parents[2]
LETTERS = string.ascii_letters + string.digits


def drawn(count: int, signs: str = LETTERS, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(signs, k=count))


def jwt() -> str:
    parts = ('{"alg":"HS256","typ":"JWT"}', '{"sub":"1234567890","admin":true}', drawn(32))
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


UPPER = string.ascii_uppercase + "234567"
# put together here, so that no tool takes this file for a leak
PLANTED = {
    "AWS access key": f'key = "AKIA{drawn(16, UPPER)}"',
    "GitHub token": f"url = https://x:ghp_{drawn(36)}@github.com/a/b",
    "GitLab token": f"token: glpat-{drawn(20)}",
    "JSON web token": f'"Authorization": "Bearer {jwt()}"',
    "Slack token": f"slack = 'xoxb-{drawn(12, string.digits)}-{drawn(24)}'",
    "Slack webhook": f"https://hooks.slack.com/services/T{drawn(8, UPPER)}/B{drawn(8, UPPER)}/{drawn(24)}",
    "Google API key": f"AIza{drawn(35)}",
    "Stripe key": f"stripe.api_key = 'sk_live_{drawn(24)}'",
    "OpenAI key": f"OPENAI = 'sk-proj-{drawn(48)}'",
    "Hugging Face token": f"login('hf_{drawn(34, string.ascii_letters)}')",
    "npm token": f"//registry/:_authToken=npm_{drawn(36)}",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{drawn(64)}\n",
    "password in an address": f"postgres://admin:{drawn(12)}@db.internal:5432/app",
    "assigned secret": f"API_KEY = '{drawn(24)}'",
    "text of high entropy": f"payload = make('{drawn(44)}')",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_each_kind_is_found_on_its_line(kind: str) -> None:
    text = f"import os\n\n\n{PLANTED[kind]}\nprint('done')\n"
    found = find_secrets(text.encode())
    assert (4, kind) in found
    assert {line for line, _ in found} == {4}


@pytest.mark.parametrize(
    "line",
    [
        f'"password": "{drawn(14)}",',
        f"client_secret: {drawn(32)}",
        f"self.auth_token = b'{drawn(20)}'",
        f"DB_PASSWORD={drawn(20, seed=3)}",
        f'config["api-key"] = "{drawn(32, "0123456789abcdef")}"',
        f"'-----BEGIN EC PRIVATE KEY-----\\n{drawn(40)}'",
    ],
)
def test_a_speaking_name_gives_a_secret_away(line: str) -> None:
    assert find_secrets(f"x = 1\n{line}\n".encode())


@pytest.mark.parametrize(
    "line",
    [
        "password = os.environ['DB_PASSWORD_2024']",
        "token = tokens[position + 1]",
        "api_key = 'your-api-key-goes-here-123'",
        'secret = "${SECRET_FROM_VAULT_42}"',
        "PRIVATE_KEY_MARK = '-----BEGIN PRIVATE KEY-----'",
        "url = 'https://user:password@example.com/'",
        f"sha = '{drawn(64, '0123456789abcdef')}'",
        f"ALPHABET = '{LETTERS}'",
        "access_key_id = 'AKIAIOSFODNN7EXAMPLE'",
        "path = 'Application/Support/Files/Version2/Model3/Layer14'",
        "integrity = 'sha512-z9fEbJ0sYwWq3rP0tXK5gB9Y8aVvFh2nQ6uE1xkLm7c4dT3oHsRiNpUjAeCg'",
        "def reset_password(self, old_password: str, new_password: str) -> None:",
    ],
)
def test_code_is_no_secret(line: str) -> None:
    assert find_secrets(f"{line}\n".encode()) == ()


def test_this_project_has_none() -> None:
    sources = [path for part in ("core", "trainer", "app", "tests") for path in (ROOT / part).rglob("*.py")]
    assert [path for path in sources if find_secrets(path.read_bytes())] == []


def test_of_many_only_the_first_are_told() -> None:
    found = find_secrets((PLANTED["AWS access key"] + "\n").encode() * 1000)
    assert [secret.line for secret in found] == [*range(1, MOST_A_TEXT + 1)]


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from([text.encode() for text in PLANTED.values()]))
def test_no_bytes_around_it_break_the_search(noise: bytes, planted: bytes) -> None:
    assert find_secrets(noise + b"\n" + planted + b"\n")


@pytest.mark.parametrize(
    "text",
    [
        "= '" * 300_000,
        "token = " * 120_000,
        "eyJ" + "a" * 900_000,
        "://" + "a:" * 400_000,
        "-----BEGIN " * 90_000,
        "'" + "aB1" * 300_000,
        "sk-" * 300_000,
        "password" + " " * 900_000,
        "=" * 900_000,
        ":a" * 450_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    find_secrets(text.encode())
    assert time.process_time() - start < 5
