"""A plugin's state as JUCE hosts (dawdreamer, pedalboard) keep it, and as the plugin wrote it.

A JUCE host wraps what a VST3 component writes: "VC2!", the length of an XML text, the text,
a zero byte. In the text the component's bytes are in JUCE's own base64: the number of bytes,
a dot, then six bits a character, the lowest bits first, in an alphabet of its own.
Barline's bytes are JSON.
"""

import json
import re
import struct

ALPHABET = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"
VALUES = {char: value for value, char in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    count = (len(data) * 8 + 5) // 6
    chars = []
    for start in range(0, len(data), 3):
        bits = int.from_bytes(data[start : start + 3], "little")
        chars += [ALPHABET[bits >> shift & 63] for shift in (0, 6, 12, 18)]
    return f"{len(data)}." + "".join(chars[:count])


def decode(text: str) -> bytes:
    length, _, chars = text.partition(".")
    data = bytearray()
    for start in range(0, len(chars), 4):
        bits = 0
        for place, char in enumerate(chars[start : start + 4]):
            bits |= VALUES[char] << 6 * place
        data += bits.to_bytes(3, "little")
    return bytes(data[: int(length)])


def pack(state: dict) -> bytes:
    """What a host would have saved of this state."""
    component = encode(json.dumps(state).encode())
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?> <VST3PluginState>'
        f"<IComponent>{component}</IComponent></VST3PluginState>"
    ).encode()
    return b"VC2!" + struct.pack("<I", len(xml)) + xml + b"\0"


def unpack(blob: bytes) -> dict:
    """The state that a host saved."""
    if blob[:4] != b"VC2!":
        raise ValueError(f"not a JUCE state: {blob[:16]!r}")
    found = re.search(r"<IComponent>([^<]*)</IComponent>", blob[8:].decode())
    if not found:
        raise ValueError("a JUCE state without a component")
    return json.loads(decode(found.group(1)))


def project(state: dict) -> dict:
    """The plugin's own field in it: prompt, seed, clip."""
    return json.loads(state["fields"]["project"])
