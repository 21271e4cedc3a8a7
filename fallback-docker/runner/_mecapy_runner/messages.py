"""What a child may say, checked and made anew: nothing of a child's reaches the host as it is."""

from .frames import Broken, packed

LEVELS = ("debug", "info", "warning", "error")
STREAMS = ("stdout", "stderr")
KINDS = ("raised", "invalid_inputs", "invalid_outputs", "output_too_large", "no_handler")

# Requests of files: with what each is answered, and whether bytes come with it.
ANSWERS = {
    "open": "opened",
    "create": "opened",
    "read": "read",
    "write": "done",
    "finish": "done",
    "drop": "done",
}
_BY_KEY = ("open", "create")
REFUSALS = ("not_found", "invalid_key", "unavailable")

MOST_READ = 1 << 20
MOST_WRITTEN = 1 << 20
MOST_KEY = 4096
MOST_VIOLATIONS = 100
_MOST_HANDLE = 1 << 53
_MOST_CLASS, _MOST_MESSAGE, _MOST_TRACEBACK = 1 << 10, 1 << 16, 1 << 18


def stream(message):
    """The stream that a `print` is of. Raises `Broken`."""
    return _one_of(message, "stream", STREAMS)


def milliseconds(message):
    """How long loading took. Raises `Broken`."""
    took = message.get("ms")
    if type(took) not in (int, float) or not 0 <= took < 1e12:
        raise Broken("a loading that took no time")
    return float(took)


def told(message):
    """The host's parts for a `log` or a `progress`. Raises `Broken`."""
    if message["type"] == "log":
        level = _one_of(message, "level", LEVELS)
        return _packed({"type": "log", "level": level, "message": _text(message, "message")})
    fraction = message.get("fraction")
    if type(fraction) not in (int, float) or not 0 <= fraction <= 1:
        raise Broken("a progress that is none")
    text = _text(message, "message")
    return _packed({"type": "progress", "fraction": float(fraction), "message": text})


def request(message, data):
    """The host's parts for a file request. Raises `Broken`."""
    kind = message["type"]
    made = {"type": kind}
    if kind in _BY_KEY:
        made["key"] = _text(message, "key", MOST_KEY)
    else:
        made["handle"] = _number(message, "handle", _MOST_HANDLE)
    if kind == "read":
        made["length"] = _number(message, "length", MOST_READ)
    if (kind == "write") != (data is not None):
        raise Broken("a file request with bytes that have no place there, or without")
    if data is not None and len(data) > MOST_WRITTEN:
        raise Broken("too many bytes are written at once")
    return _packed(made, data)


def answer(request, message, data):
    """The child's parts for the host's answer to a request. Raises `Broken`."""
    kind = message["type"]
    if kind == "refused":
        why = _one_of(message, "kind", REFUSALS)
        return packed({"type": kind, "kind": why, "message": _text(message, "message")})
    if kind != ANSWERS[request["type"]]:
        raise Broken("a %s is no answer to a %s" % (kind, request["type"]))
    if kind == "opened":
        return packed({"type": kind, "handle": _number(message, "handle", _MOST_HANDLE)})
    if (kind == "read") != (data is not None):
        raise Broken("an answer with bytes that have no place there, or without")
    return packed({"type": kind}, data)


def outcome(message, data, output_bytes):
    """The host's parts for an outcome. Raises `Broken`."""
    if message.get("ok") is True:
        if data is None or len(data) > output_bytes:
            raise Broken("a result that is too large, or none")
        return _packed({"type": "outcome", "ok": True}, data)
    found = message.get("failure")
    if message.get("ok") is not False or type(found) is not dict or data is not None:
        raise Broken("an outcome that is none")
    failure = {
        "kind": _one_of(found, "kind", KINDS),
        "class": _text(found, "class", _MOST_CLASS),
        "message": _text(found, "message", _MOST_MESSAGE),
    }
    if found.get("traceback") is not None:
        failure["traceback"] = _text(found, "traceback", _MOST_TRACEBACK)
    if found.get("violations") is not None:
        failure["violations"] = _violations(found["violations"])
    if found.get("missing") is not None:
        failure["missing"] = _missing(found["missing"])
    return _packed({"type": "outcome", "ok": False, "failure": failure})


def broken(why):
    """The host's parts for a call that did not keep to the protocol."""
    message = "the call broke the protocol between it and its runner: %s" % why
    return failed("raised", "RuntimeError", message)


def failed(kind, class_, message):
    """The host's parts for a failure that the runner itself found."""
    failure = {"kind": kind, "class": class_, "message": message}
    return packed({"type": "outcome", "ok": False, "failure": failure})


def ended(status, stopped):
    """The host's parts for a process that ended without an answer; `status` is of `wait`."""
    how = {"signal": status & 0x7F} if status & 0x7F else {"status": status >> 8 & 0xFF}
    return packed({"type": "outcome", "ok": False, "ended": how, "stopped": stopped})


def _violations(found):
    if type(found) is not list or len(found) > MOST_VIOLATIONS:
        raise Broken("violations that are none")
    made = []
    for each in found:
        if type(each) is not dict:
            raise Broken("a violation that is none")
        one = {name: _text(each, name, _MOST_MESSAGE) for name in ("pointer", "rule", "message")}
        if "value" in each:
            one["value"] = each["value"]  # any JSON: bounded by the frame, encoded anew
        made.append(one)
    return made


def _missing(found):
    if type(found) is not dict:
        raise Broken("a missing module that is none")
    made = {"name": _text(found, "name", _MOST_MESSAGE)}
    if found.get("file") is not None:
        made["file"] = _text(found, "file", _MOST_MESSAGE)
    if found.get("line") is not None:
        made["line"] = _number(found, "line", (1 << 32) - 1)
    return made


def _text(message, name, most=None):
    text = message.get(name)
    if type(text) is not str or (most is not None and len(text) > most):
        raise Broken("a %s without its %s" % (message.get("type", "part"), name))
    return text


def _number(message, name, most):
    number = message.get(name)
    if type(number) is not int or not 0 <= number <= most:
        raise Broken("a %s without its %s" % (message.get("type", "part"), name))
    return number


def _one_of(message, name, words):
    word = message.get(name)
    if type(word) is not str or word not in words:
        raise Broken("a %s of a %s that is none" % (message.get("type", "part"), name))
    return word


def _packed(message, data=None):
    try:
        return packed(message, data)
    except (ValueError, RecursionError):
        raise Broken("a message without a JSON form, or too large") from None


