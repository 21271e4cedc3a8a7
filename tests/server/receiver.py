"""A webhook receiver that keeps all it is sent, and checks Standard Webhooks signatures.

Only the standard library is used, and nothing of the server: the signature is computed here
from the specification.

    receiver.py listen FOLDER            keeps each delivery as FOLDER/NNNN.json; writes its own
                                         address to FOLDER/address. The first delivery to a path
                                         that ends in /fails-once is answered 503.
    receiver.py wait FOLDER TASK PATH    waits for a delivery about TASK at PATH and prints its
                                         file's name
    receiver.py verify FILE SECRET       checks the delivery's signature and time
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: How far a delivery's time may be from now, as the specification's libraries have it.
TOLERANCE_SECONDS = 300
WAIT_SECONDS = 30.0


def signed(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The `v1` signature of a delivery under a secret `whsec_...`."""
    if not secret.startswith("whsec_"):
        raise ValueError("a secret starts with whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def is_genuine(headers: dict[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether one of the signatures is right and the time is near."""
    try:
        timestamp = headers["webhook-timestamp"]
        if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
            return False
        expected = signed(secret, headers["webhook-id"], timestamp, body)
    except (KeyError, ValueError, binascii.Error):
        return False
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, signature) for signature in given)


def listener(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A receiver on 127.0.0.1 that is not yet serving."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = threading.Lock()
    failed: set[str] = set()
    count = 0

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal count
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            delivery = {
                "path": self.path,
                "received_at": time.time(),
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": base64.b64encode(body).decode(),
            }
            with lock:
                count += 1
                fails = self.path.endswith("/fails-once") and self.path not in failed
                failed.add(self.path)
                delivery["answered"] = 503 if fails else 204
                part = folder / f"{count:04}.part"
                part.write_text(json.dumps(delivery))
                part.rename(folder / f"{count:04}.json")
            self.send_response(delivery["answered"])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Receiver)


def listen(folder: Path) -> None:
    server = listener(folder)
    (folder / "address.part").write_text(f"http://127.0.0.1:{server.server_address[1]}")
    (folder / "address.part").rename(folder / "address")
    server.serve_forever()


def deliveries(folder: Path) -> list[Path]:
    """What has been received, in that order."""
    return sorted(folder.glob("*.json"))


def wait(folder: Path, task: str, path: str) -> Path:
    """The delivery about a task at a path that was not answered with an error."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for file in deliveries(folder):
            delivery = json.loads(file.read_text())
            event = json.loads(base64.b64decode(delivery["body"]))
            if (
                delivery["path"] == path
                and delivery["answered"] < 300
                and event["data"]["id"] == task
            ):
                return file
        time.sleep(0.05)
    raise SystemExit(f"no delivery about {task} came to {path} within {WAIT_SECONDS:g} s")


def verify(file: Path, secret: str) -> None:
    delivery = json.loads(file.read_text())
    body = base64.b64decode(delivery["body"])
    if not is_genuine(delivery["headers"], body, secret, time.time()):
        raise SystemExit(f"the signature is not right: {delivery['headers']}")


def main(arguments: list[str]) -> None:
    match arguments:
        case ["listen", folder]:
            listen(Path(folder))
        case ["wait", folder, task, path]:
            print(wait(Path(folder), task, path))
        case ["verify", file, secret]:
            verify(Path(file), secret)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
