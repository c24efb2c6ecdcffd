"""The VST3 in dawdreamer: the command line's audio, on the beat of a moving transport, and back
from a saved state.

dawdreamer always says that it plays in real time, though it renders as fast as it can: so the
clip is waited for between renders, and the wait of an offline bounce can't be tested here (the
CLAP tests do).
"""

import time

import dawdreamer

import clip
import juce_state
from report import arguments, check, finish

LONGEST_SECONDS = 120
ROUNDS = 2.3


class Host:
    """A song at one tempo with the plugin as its only track."""

    def __init__(self, bundle, folder, tempo_bpm=clip.TEMPO_BPM, block_frames=512):
        self.file = folder / "state"
        self.engine = dawdreamer.RenderEngine(clip.RATE_HZ, block_frames)
        self.engine.set_bpm(tempo_bpm)
        self.plugin = self.engine.make_plugin_processor("barline", str(bundle))
        self.engine.load_graph([(self.plugin, [])])

    def render(self, seconds):
        self.engine.render(seconds)
        return self.engine.get_audio()

    def load(self, blob: bytes):
        self.file.write_bytes(blob)
        self.plugin.load_state(str(self.file))

    def save(self) -> bytes:
        self.plugin.save_state(str(self.file))
        return self.file.read_bytes()

    def wait_for_clip(self) -> dict:
        """Renders until the session has handed its clip over; the project then."""
        begin = time.monotonic()
        while time.monotonic() - begin < LONGEST_SECONDS:
            self.render(0.1)
            project = juce_state.project(juce_state.unpack(self.save()))
            if project["clip"] is not None and not project["generate"]:
                # The last blocks are on their way to the player.
                time.sleep(0.2)
                self.render(0.1)
                return project
            time.sleep(0.1)
        raise TimeoutError(f"no clip after {LONGEST_SECONDS} s")


def main():
    args = arguments()
    reference = clip.make(args.barline, args.folder)
    seconds = ROUNDS * clip.BEATS * 60.0 / clip.TEMPO_BPM

    host = Host(args.bundle, args.folder)
    names = [entry["name"] for entry in host.plugin.get_parameters_description()]
    check("dawdreamer loads the VST3", {"Gain", "Play", "Bars"} <= set(names), ", ".join(names))
    check("silent before there is a clip", abs(host.render(0.5)).max() == 0.0)

    state = juce_state.unpack(host.save())
    state["fields"]["project"] = juce_state.json.dumps(clip.project(generate=True))
    state["params"]["bars"] = {"i32": 1}
    host.load(juce_state.pack(state))
    project = host.wait_for_clip()
    check("a clip from a prompt in the state", project["prompt"] == clip.PROMPT)

    heard = host.render(seconds)
    off = clip.error(reference, heard)
    apart = min(clip.error(reference, heard, lag) for lag in (-1, 1))
    check(
        f"the command line's samples on the beat at {clip.TEMPO_BPM} BPM",
        off < 1e-5 < apart,
        f"off by {off:.1e} at most (one frame aside {apart:.1e})",
    )
    odd = Host(args.bundle, args.folder, block_frames=509)
    odd.load(host.save())
    odd.wait_for_clip()
    again = odd.render(seconds)
    off = clip.error(reference, again)
    check("a saved state sounds the same in blocks of 509", off < 1e-5, f"off by {off:.1e}")
    first, second = (juce_state.unpack(each.save()) for each in (host, odd))
    check("and is saved as it was", first == second)

    other = Host(args.bundle, args.folder, tempo_bpm=120.0)
    other.load(host.save())
    other.wait_for_clip()
    off = repitched_error(reference, other.render(1.5))
    check("repitched at 120 BPM", off < 0.05, f"error at {off:.4f} of the level")
    finish()


def repitched_error(reference, heard):
    """Root mean square of the error over that of the signal, with straight lines between
    frames: those are not the player's, but near."""
    frames = reference.shape[1]
    position = clip.beats_of(heard.shape[1], 120.0) % clip.BEATS / clip.BEATS * frames
    want = clip.numpy.interp(position, range(frames), reference[0])
    late = slice(clip.FADED_FRAMES, None)
    error = heard[0][late] - want[late]
    return float((error**2).mean() ** 0.5 / (want[late] ** 2).mean() ** 0.5)


main()
