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
# Steps of a tempo map in a beat.
PPQN = 960


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

    saved = juce_state.unpack(host.save())
    saved["params"]["tempo_follow"] = {"string": "repitch"}
    other = Host(args.bundle, args.folder, tempo_bpm=120.0)
    other.load(juce_state.pack(saved))
    other.wait_for_clip()
    off = repitched_error(reference, other.render(1.5))
    check("repitched at 120 BPM, where the parameter says so", off < 0.05, f"error at {off:.4f}")

    stretched = clip.make(args.barline, args.folder, play_at=120.0)
    saved["params"]["tempo_follow"] = {"string": "keep_pitch"}
    other.load(juce_state.pack(saved))
    beats = clip.beats_of(int(seconds * clip.RATE_HZ), 120.0)
    off = until_heard(other, stretched, lambda: other.render(seconds), beats)
    check("stretched at 120 BPM where it says that", off < 1e-5, f"off by {off:.1e}")

    tempo_map(args, stretched, saved)
    finish()


def until_heard(host, reference, render, beats, start=0):
    """Renders until the clip is heard from frame `start` on; the error of the last render."""
    begin = time.monotonic()
    while True:
        heard = render()
        frames = min(heard.shape[1], len(beats))
        off = clip.error(reference, heard[:, start:frames], beats=beats[start:frames])
        if off < 1e-5 or time.monotonic() - begin > LONGEST_SECONDS:
            return off
        time.sleep(0.2)


def tempo_map(args, stretched, saved):
    """A song that goes from 100 to 120 BPM on its ninth beat and stays there so long that the
    plugin, for which nobody waits, has the clip at 120 BPM before it is over. dawdreamer changes
    its tempo between blocks: eight beats at 100 BPM are 450 of them."""
    slow_beats, slow_bpm, song_seconds = 8, 100.0, 90.0
    host = Host(args.bundle, args.folder)
    beats_in_all = int(song_seconds * 120.0 / 60.0) + slow_beats
    tempo = clip.numpy.full(beats_in_all * PPQN, 120.0)
    tempo[: slow_beats * PPQN] = slow_bpm
    host.engine.set_bpm(tempo, ppqn=PPQN)
    host.load(juce_state.pack(saved))
    frame = clip.numpy.arange(int(song_seconds * clip.RATE_HZ))
    slow_frames = slow_beats * 60.0 * clip.RATE_HZ / slow_bpm
    fast = slow_beats + (frame - slow_frames) * 120.0 / (60.0 * clip.RATE_HZ)
    late = int((song_seconds - 4.0) * clip.RATE_HZ)
    off = until_heard(host, stretched, lambda: host.render(song_seconds), fast, start=late)
    check("stretched on the beat at the end of a tempo map", off < 1e-5, f"off by {off:.1e}")


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
