"""The VST3 in pedalboard: another JUCE host, offline, whose transport always stands.

A standing transport is silence but for notes: they play the slots on the clip's own clock. So what
can be checked is loading, parameters, state, and samples by notes at odd block sizes and rates.
"""

import threading
import time

import numpy
import pedalboard

import clip
import juce_state
import slots
from report import arguments, check, finish


def main():
    args = arguments()
    plugin = pedalboard.load_plugin(str(args.bundle))
    check("pedalboard loads the VST3 as an instrument", plugin.is_instrument, plugin.name)
    check("its parameters", {"gain_db", "bars_bars"} <= set(plugin.parameters), list(plugin.parameters))

    quiet = True
    for rate_hz, block in ((44_100, 1), (48_000, 37), (96_000, 1024), (32_000, 8192)):
        frames = plugin([], 0.02, rate_hz, buffer_size=block)
        quiet &= frames.shape[0] == 2 and not numpy.any(frames)
    check("silent while the transport stands, at four rates and block sizes", quiet)

    plugin.bars_bars = 2
    # A parameter reaches the component with the next block.
    plugin([], 0.02, 48_000)
    state = juce_state.unpack(plugin.raw_state)
    check("a parameter reaches the state", state["params"]["bars"] == {"i32": 2}, state["params"])

    state["fields"]["project"] = juce_state.json.dumps(clip.project(generate=False))
    plugin.raw_state = juce_state.pack(state)
    blob = plugin.raw_state
    project = juce_state.project(juce_state.unpack(blob))
    check("a prompt goes into the state and comes back", project["prompt"] == clip.PROMPT)

    second = pedalboard.load_plugin(str(args.bundle))
    second.raw_state = blob
    second([], 0.02, 48_000)
    same = juce_state.unpack(second.raw_state) == juce_state.unpack(blob)
    check("a second instance takes the state over", same)
    parameters(plugin)
    removed(args)
    notes(args)
    finish()


# What each parameter is in pedalboard, a value that is not its default, and that in the state.
VALUES = {
    "gain_db": (-6.0, "gain", None),
    "play": (False, "play", {"bool": False}),
    "sync_to_host": (False, "sync", {"bool": False}),
    "bars_bars": (7, "bars", {"i32": 7}),
    "temperature": (0.5, "temperature", {"f32": 0.5}),
    "guidance": (4.5, "guidance", {"f32": 4.5}),
    "top_k_tokens": (512, "top_k", {"i32": 512}),
    "re_roll_below_points": (50, "reroll_below", {"i32": 50}),
    "tempo_follow": ("Repitch", "tempo_follow", {"string": "repitch"}),
    "slot": (6, "slot", {"i32": 6}),
    "launch": ("2 bars", "quantise", {"string": "two_bars"}),
    "hear": ("When finished", "hear", {"string": "finished"}),
    "separate_outputs": (True, "separate", {"bool": True}),
}


def parameters(plugin):
    """Each is set by its text or value, shown again, and lies in the state under its lasting id."""
    wrong = []
    for name, (value, _, _) in VALUES.items():
        if name not in plugin.parameters:
            wrong.append(f"no {name}")
            continue
        setattr(plugin, name, value)
        shown = getattr(plugin, name)
        near = abs(float(shown) - value) < 0.02 if isinstance(value, float) else shown == value
        if not near:
            wrong.append(f"{name}: {shown!r} for {value!r}")
    plugin([], 0.02, 48_000)
    state = juce_state.unpack(plugin.raw_state)["params"]
    for name, (_, key, wanted) in VALUES.items():
        if wanted is not None and rounded(state.get(key)) != wanted:
            wrong.append(f"{key}: {state.get(key)} for {wanted}")
    level = state["gain"]["f32"]
    if abs(20 * numpy.log10(level) + 6) > 0.05:
        wrong.append(f"gain: {level}")
    check(f"{len(VALUES)} parameters are set, shown and saved", not wrong, "; ".join(wrong))
    # A host that is paused sends no block that would bring them.
    plugin.guidance, plugin.top_k_tokens = 2.5, 100
    state = juce_state.unpack(plugin.raw_state)["params"]
    saved = {key: rounded(state[key]) for key in ("guidance", "top_k")}
    check("and saved before the next block comes", saved == {"guidance": {"f32": 2.5}, "top_k": {"i32": 100}}, saved)


def rounded(value):
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in (value or {}).items()}


def removed(args):
    """An instance that is removed right after a parameter changed on another thread, as automation does,
    takes nothing with it."""
    for _ in range(30):
        plugin = pedalboard.load_plugin(str(args.bundle))

        def automation():
            for step in range(40):
                for name in ("temperature", "guidance", "top_p"):
                    plugin.parameters[name].raw_value = step % 10 / 10
                plugin([], 0.005, slots.RATE_HZ, buffer_size=256, reset=False)

        thread = threading.Thread(target=automation)
        thread.start()
        thread.join()
        del plugin, automation, thread
    check("an instance is removed amid its automation, 30 times", True)


def notes(args):
    """Slots launched by notes: pedalboard renders offline, as fast as it can, and says so."""
    plugin = pedalboard.load_plugin(str(args.bundle))
    blob = juce_state.pack(slots.hums({"slot": {"i32": 0}, "quantise": {"string": "off"}}))
    plugin.raw_state = blob
    key = slots.FIRST_KEY + 2
    on_frame, off_frame, frames = 4_801, 40_000, 60_000
    played = [
        (bytes([0x90, key, 127]), on_frame / slots.RATE_HZ),
        (bytes([0x80, key, 0]), off_frame / slots.RATE_HZ),
    ]

    def play(block):
        return plugin(played, frames / slots.RATE_HZ, slots.RATE_HZ, buffer_size=block, reset=True)

    begin = time.monotonic()
    while not numpy.any(play(512)) and time.monotonic() - begin < 30:
        time.sleep(0.1)
    renders = {block: play(block) for block in (512, 64, 480, 4_096)}
    heard = renders[512][:2]
    first = int(numpy.argmax(abs(heard[0]) > 0))
    check("a note sounds on its frame, and not before", first in (on_frame, on_frame + 1), first)
    steady = slice(on_frame + slots.FADED_FRAMES, off_frame)
    off = slots.off(2, heard[:, steady], slots.FADED_FRAMES)
    check("it is its slot's clip, sample by sample", off < 1e-5, f"off by {off:.1e}")
    rest = float(abs(heard[:, off_frame + slots.FADED_FRAMES :]).max())
    check("and silent after its key was let go", rest == 0.0, rest)
    apart = max(float(abs(other - renders[512]).max()) for other in renders.values())
    check("offline renders in four block sizes are the same", apart < 1e-6, f"apart by {apart:.1e}")
    again = numpy.array_equal(play(512), renders[512])
    check("rendered twice, every sample is the same", again)
    before, after = (juce_state.project(juce_state.unpack(each))["clips"] for each in (blob, plugin.raw_state))
    back = [clip["flac"] for clip in before] == [clip["flac"] for clip in after]
    check("the eight clips of the state are saved as they came", back)


main()
