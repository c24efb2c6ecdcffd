"""The VST3 in pedalboard: another JUCE host, offline, whose transport always stands.

A standing transport is silence, so the clip itself can't be heard here; loading, parameters,
state, odd block sizes and rates can be checked.
"""

import numpy
import pedalboard

import clip
import juce_state
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
    finish()


main()
