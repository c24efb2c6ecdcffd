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
import slots
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
        """The main output."""
        return self.outputs(seconds)[:2]

    def outputs(self, seconds):
        """All outputs: left and right of the main one, then of each slot."""
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
            if project["clips"] and project["clips"][0] and not project["generate"]:
                # It is on its way to the player, as fast as the machine is.
                while not self.render(0.5).any() and time.monotonic() - begin < LONGEST_SECONDS:
                    time.sleep(0.1)
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
    launched_by_automation(args)
    stairs(args)
    own_outputs(args)
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


def with_hums(args, params, settings=(), **options) -> Host:
    """A song with a hum in every slot, as soon as all are with the player: the last of them is heard
    when the parameter says so."""
    host = Host(args.bundle, args.folder, tempo_bpm=slots.TEMPO_BPM, **options)
    begin = time.monotonic()
    last = slots.hums(params | {"slot": {"i32": slots.SLOTS}}, list(settings))
    host.load(juce_state.pack(last))
    while not heard_of(host, slots.SLOTS - 1):
        if time.monotonic() - begin > LONGEST_SECONDS:
            raise TimeoutError("the last slot is not heard")
        time.sleep(0.05)
    time.sleep(0.2)
    return host


def heard_of(host, slot: int) -> bool:
    """Whether that slot's tone is in what plays."""
    heard = host.render(1.0)[0, slots.FADED_FRAMES :]
    tone = slots.hum(slot)[0, slots.FADED_FRAMES : slots.FADED_FRAMES + len(heard)]
    return float(heard @ tone) > 0.5 * float(tone @ tone)


def parameter(host, name: str) -> int:
    found = host.plugin.get_parameters_description()
    return next(entry["index"] for entry in found if entry["name"] == name)


def launched_by_automation(args):
    """The parameter goes from slot to slot between the bar lines, on which the slots change."""
    params = {"quantise": {"string": "bar"}}
    host = with_hums(args, params)
    rate = slots.RATE_HZ
    changes = [(0.0, 1), (5.3, 3), (13.0, 8), (17.1, 0)]
    lines = [(0, 0), (8, 2), (16, 7), (20, None), (24, None)]
    curve = clip.numpy.zeros(12 * rate, "f4")
    for beat, value in changes:
        curve[int(beat * 0.5 * rate) :] = value / slots.SLOTS
    host.plugin.set_automation(parameter(host, "Slot"), curve)
    host.render(0.5)
    heard = host.render(12.0)
    worst = 0.0
    for (beat, slot), (next_beat, _) in zip(lines, lines[1:]):
        first, last = (int(at * 0.5 * rate) for at in (beat, next_beat))
        # Out of silence and to the next slot it fades.
        first += slots.FADED_FRAMES
        part = heard[:, first : last - slots.FADED_FRAMES]
        worst = max(worst, float(abs(part).max()) if slot is None else slots.off(slot, part, first))
    check("automation launches slots on the bar lines", worst < 1e-5, f"off by {worst:.1e}")

    blob = host.save()
    other = Host(args.bundle, args.folder, tempo_bpm=slots.TEMPO_BPM)
    other.load(blob)
    same = juce_state.unpack(other.save()) == juce_state.unpack(blob)
    check("a state with eight slots is saved as it was loaded", same, f"{len(blob)} bytes")
    time.sleep(1.0)
    other.plugin.set_automation(parameter(other, "Slot"), curve)
    other.render(0.5)
    again = other.render(12.0)
    worst = float(abs(again - heard).max())
    check("and sounds the same in another instance", worst < 1e-6, f"off by {worst:.1e}")


def own_outputs(args):
    """With outputs of their own the slots are heard there and nowhere else; two at once, by a layer."""
    settings = [{}, {"layered": True}]
    host = with_hums(args, {"quantise": {"string": "off"}}, settings=settings)
    for name, value in (("Slot", 6 / slots.SLOTS), ("Separate outputs", 1.0)):
        host.plugin.set_parameter(parameter(host, name), value)
    host.outputs(0.5)
    heard = host.outputs(1.0)[:, slots.FADED_FRAMES :]
    check("dawdreamer sees an output for each slot", len(heard) == 2 + 2 * slots.SLOTS, f"{len(heard)} channels")
    worst, rest = 0.0, heard[:2]
    for slot in range(slots.SLOTS):
        own = heard[2 + 2 * slot : 4 + 2 * slot]
        if slot in (1, 5):
            worst = max(worst, slots.off(slot, own, slots.FADED_FRAMES))
        else:
            rest = clip.numpy.vstack((rest, own))
    silent = float(abs(rest).max())
    check("each slot sounds in its own, and nothing in the others", worst < 1e-5 and silent == 0.0, f"{worst:.1e}, {silent:.1e}")


def stairs(args):
    """A tempo that climbs from 100 to 150 BPM and falls back, another on every beat; each beat is a
    whole number of blocks, since dawdreamer changes its tempo between them."""
    block_frames = 480
    blocks = [*range(60, 40, -2), *range(40, 62, 2)]
    params = {"slot": {"i32": 2}, "tempo_follow": {"string": "repitch"}, "quantise": {"string": "off"}}
    host = with_hums(args, params, block_frames=block_frames)
    tempo = clip.numpy.repeat([60.0 * slots.RATE_HZ / (count * block_frames) for count in blocks], PPQN)
    # Rounding must not put a block on the other side of its beat: the map is half a block early.
    host.engine.set_bpm(clip.numpy.append(tempo[8:], tempo[-8:]), ppqn=PPQN)
    host.plugin.set_parameter(parameter(host, "Slot"), 2 / slots.SLOTS)
    beats = clip.numpy.concatenate([
        beat + clip.numpy.arange(count * block_frames) / (count * block_frames) for beat, count in enumerate(blocks)
    ])
    seconds = len(beats) / slots.RATE_HZ
    host.render(seconds)
    heard = host.render(seconds)
    late = slice(slots.FADED_FRAMES, min(heard.shape[1], len(beats)))
    off = slots.off_repitched(1, heard[:, late], beats[late])
    check("on the beat while the tempo climbs and falls", off < 0.05, f"error at {off:.4f}")


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
