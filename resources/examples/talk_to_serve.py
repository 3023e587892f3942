"""How another program, such as an editor, asks for completions.

    python3 resources/examples/talk_to_serve.py [COMMAND ...]

COMMAND starts the engine, as `smallcoder-cli serve` does; without one it is `main.py serve`. It is spoken
with in JSON lines: one request a line, answered until a last word. All messages are in core/spec/messages.py.
Only the standard library is needed on this side.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS = ("loaded", "done", "failed")


def main() -> None:
    command = sys.argv[1:] or [sys.executable, str(ROOT / "main.py"), "serve"]
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, **streams) as server:
        model = str(ROOT / "resources/models/smallcoder-nano")
        ask(server, {"type": "load", "id": 1, "path": model, "placement": {"precision": "int8"}})
        sampling = {"max_tokens": 16, "temperature": 0.0}
        text = "def area(width, height):\n    return "
        answer = ask(server, {"type": "complete", "id": 2, "prefix": text, "sampling": sampling})
        sys.stdout.write(f"{text}{answer}\n")
        server.communicate()  # it ends when nobody can ask any more


def ask(server: Any, request: dict[str, Any]) -> str:
    """The text of the answer, once its last word is heard."""
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    text = ""
    for line in server.stdout:
        reply = json.loads(line)
        text += reply.get("text", "") if reply["type"] == "text" else ""
        if reply["type"] == "failed":
            raise SystemExit(reply["message"])
        if reply["type"] in LAST_WORDS and reply.get("id") == request["id"]:
            return text
    raise SystemExit("The server ended before it had answered.")


if __name__ == "__main__":
    main()
