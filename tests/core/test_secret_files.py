"""Which files no model reads, told from their names, and that nothing about completion gets round it."""

import pytest

from core.spec.editing import MOST_CONTEXT_FILES, MOST_CONTEXT_LETTERS, ContextFile, Editing
from core.spec.errors import UsageError
from core.spec.secret_files import is_secret_file

SECRET = [
    *(".env", "site/.env.local", ".envrc", "prod.env", "tls/server.pem", "tls\\SERVER.KEY", "id_rsa"),
    *(
        "/home/a/.ssh/config",
        ".npmrc",
        "secrets.yaml",
        "a/.aws/credentials",
        "store.jks",
        "service-account.json",
    ),
]
PLAIN = ["env.py", "environment.md", "keys.py", "secrets.py", "id_rsa.pub", "keyboard.c", "pem.rs", "", "a/b"]


@pytest.mark.parametrize("path", SECRET)
def test_a_secret_file_is_neither_completed_nor_context(path: str) -> None:
    assert is_secret_file(path)
    with pytest.raises(UsageError, match=r"may hold secrets, so no model reads it; .*\.$"):
        Editing(path=path)
    with pytest.raises(UsageError, match="may hold secrets"):
        Editing(path="main.py", context=(ContextFile("a.py", "x"), ContextFile(path, "x")))


@pytest.mark.parametrize("path", PLAIN)
def test_a_name_that_only_sounds_like_it_is_plain(path: str) -> None:
    assert not is_secret_file(path)
    Editing(path=path, context=(ContextFile(path, "x"),))


@pytest.mark.parametrize(
    "files",
    [
        (ContextFile("a.py", "x"),) * (MOST_CONTEXT_FILES + 1),
        (ContextFile("a.py", "x" * (MOST_CONTEXT_LETTERS + 1)),),
    ],
)
def test_context_is_bounded_in_a_sentence(files: tuple[ContextFile, ...]) -> None:
    with pytest.raises(UsageError, match="send at most"):
        Editing(context=files)
