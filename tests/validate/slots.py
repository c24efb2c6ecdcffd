"""Clips that nobody generated, one for each slot, as a state has them, and what they must sound like."""

import base64
import io

import numpy
import soundfile

import juce_state

SLOTS = 8
RATE_HZ = 48_000
TEMPO_BPM, BEATS = 120.0, 4.0
# Of the plugin: the first slot's key, how long it fades out of silence and between two sounds.
FIRST_KEY = 60
START_FRAMES, FADED_FRAMES = 48, 480


def hum(slot: int) -> numpy.ndarray:
    """A bar at 120 BPM of two tones that turn whole times and begin at their peak."""
    time = numpy.arange(2 * RATE_HZ) / RATE_HZ
    sides = []
    for offset_hz in (0.0, 11.5):
        low_hz, high_hz = 97.0 + 29.0 * slot + offset_hz, 1_031.0 + 173.0 * slot - offset_hz
        sides.append(0.08 * numpy.cos(2 * numpy.pi * low_hz * time) + 0.03 * numpy.cos(2 * numpy.pi * high_hz * time))
    return numpy.array(sides)


def saved(samples: numpy.ndarray, tempo_bpm: float, bars: int = 1) -> dict:
    """A clip, channels by frames, as a project keeps it."""
    flac = io.BytesIO()
    soundfile.write(flac, samples.T, RATE_HZ, format="FLAC", subtype="PCM_24")
    sampling = {"temperature": 1.0, "top_k": 250, "top_p": 1.0, "guidance": 3.0, "greedy": False}
    length = {"Bars": {"bars": bars, "beats_per_bar": 4, "tempo_bpm": tempo_bpm}}
    facts = {"prompt": "made for a test", "model": "none", "model_sha256": "00", "rights": "yours", "seed": 1}
    facts |= {"sampling": sampling, "length": length, "key": None, "fitted": None, "steps": 1}
    facts |= {"generate_seconds": 1.0, "version": "0.1.0"}
    return {"flac": base64.b64encode(flac.getvalue()).decode(), "facts": facts}


def state(clips: list, params: dict, settings: list = ()) -> dict:
    """The plugin's state with these clips in its slots."""
    project = {"version": 3, "prompt": "made for a test", "clips": clips}
    project["slots"] = [*settings, *[{}] * (SLOTS - len(settings))]
    return {"version": "0.1.0", "params": params, "fields": {"project": juce_state.json.dumps(project)}}


def hums(params: dict, settings: list = ()) -> dict:
    """A hum in every slot."""
    return state([saved(hum(slot), TEMPO_BPM) for slot in range(SLOTS)], params, settings)


def off(slot: int, heard: numpy.ndarray, first_frame: int, gain: float = 1.0) -> float:
    """The largest difference of a recording from a hum that is at this frame of its own when the
    recording begins."""
    wanted = gain * hum(slot)
    at = (first_frame + numpy.arange(heard.shape[1])) % wanted.shape[1]
    return float(abs(heard - wanted[:, at]).max())


def off_repitched(slot: int, heard: numpy.ndarray, beats: numpy.ndarray) -> float:
    """Root mean square of the error over that of the signal, at these beats."""
    wanted = hum(slot)[0]
    position = beats % BEATS / BEATS * len(wanted)
    want = numpy.interp(position, numpy.arange(len(wanted) + 1), numpy.append(wanted, wanted[0]))
    return float(numpy.sqrt(((heard[0] - want) ** 2).mean() / (want**2).mean()))
