"""The command line's WAV, FLAC, AIFF and Ogg files as others read them: libsndfile, SoX, FFmpeg."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy
import soundfile

import clip
from report import arguments, check, finish

BARS, TEMPO_BPM, BEATS = 2, 97.5, 8


def main():
    args = arguments()
    missing = [tool for tool in ("ffprobe", "sox") if shutil.which(tool) is None]
    if missing:
        check("the other readers", False, f"{', '.join(missing)} missing, see apt.txt")
        finish()
    path = args.folder / "facts.wav"
    command = [args.barline, "generate", clip.PROMPT, "--bars", str(BARS), "--bpm", str(TEMPO_BPM), "--key", "F#m"]
    subprocess.run(command + ["--seed", "5", "--rate", "44100", "--out", path], check=True, capture_output=True)
    frames = round(BEATS * 60 / TEMPO_BPM * 44_100)

    with soundfile.SoundFile(path) as file:
        log, samples = file.extra_info, file.read(dtype="int32") >> 8
        facts = {name: getattr(file, name) for name in ("title", "software", "copyright", "comment")}
    check("libsndfile: all frames", len(samples) == frames, len(samples))
    check("libsndfile: title, rights, settings", facts["title"].startswith(clip.PROMPT)
          and "seed 5" in facts["comment"] and facts["copyright"] and facts["software"].startswith("Barline"), facts)
    lines = [" ".join(line.split()) for line in log.splitlines()]
    wanted = ("Beats : 8", "Meter : 4/4", "Tempo : 97.500000", "Root note : 0x42", "Loop Count : 1", "Midi Note : 66")
    missing = [w for w in wanted if w not in lines]
    check("libsndfile: tempo, meter, beats, root, loop", not missing, missing or "")
    check("libsndfile: the loop ends with the clip", any(f"Start : 0 End : {frames - 1} " in line for line in lines))

    probe = ["ffprobe", "-v", "error", "-show_chapters", "-show_format", "-of", "json", path]
    found = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)
    titles = [chapter["tags"]["title"] for chapter in found["chapters"]]
    check("FFmpeg: a marker on every beat", titles == [f"{bar}.{beat}" for bar in (1, 2) for beat in (1, 2, 3, 4)], titles)
    starts = numpy.array([float(chapter["start_time"]) for chapter in found["chapters"]])
    off = abs(starts - numpy.arange(BEATS) * 60 / TEMPO_BPM).max()
    check("FFmpeg: where the beats are, to a frame", off < 1 / 44_100, f"{off * 1e6:.0f} us")
    check("FFmpeg: the prompt", found["format"]["tags"]["title"].startswith(clip.PROMPT))

    raw = subprocess.run(["sox", path, "-t", "s32", "-L", "-"], check=True, capture_output=True)
    check("SoX: the same samples", numpy.array_equal(numpy.frombuffer(raw.stdout, "<i4") >> 8, samples))
    check("SoX: no warning", not raw.stderr, raw.stderr.decode())

    for ending in ("flac", "aiff"):
        other = path.with_suffix(f".{ending}")
        subprocess.run(command + ["--seed", "5", "--rate", "44100", "--out", other], check=True, capture_output=True)
        with soundfile.SoundFile(other) as file:
            log, found = file.extra_info, file.read(dtype="int32") >> 8
        check(f"libsndfile: {ending} holds the same samples", numpy.array_equal(found, samples))
        raw = subprocess.run(["sox", other, "-t", "s32", "-L", "-"], check=True, capture_output=True)
        same = numpy.array_equal(numpy.frombuffer(raw.stdout, "<i4") >> 8, samples)
        check(f"SoX: {ending} holds the same samples, without a warning", same and not raw.stderr, raw.stderr.decode())
        probe = ["ffprobe", "-v", "error", "-show_format", "-of", "json", other]
        tags = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)["format"]["tags"]
        title = tags.get("title", tags.get("TITLE", ""))
        check(f"FFmpeg: {ending} has the prompt", title.startswith(clip.PROMPT), title)
        if ending == "flac":
            check("FFmpeg: flac has tempo and key", tags.get("BPM") == "97.5" and tags.get("INITIALKEY") == "F# minor")
        else:
            lines = [" ".join(line.split()) for line in log.splitlines()]
            wanted = ("Num Beats : 8", "Root Note : 0x36", "ScaleType : 0x1 (MINOR)", "Time Sig : 4/4", "Loop Type : 0x0 (Loop)")
            missing = [w for w in wanted if w not in lines]
            check("libsndfile: aiff has beats, root, scale, meter", not missing, missing or "")
        subprocess.run([args.barline, "regenerate", other], check=True, capture_output=True)
        made = other.with_name(f"facts_again.{ending}")
        check(f"{ending} is made again from its recipe", made.read_bytes() == other.read_bytes())
    in_long_files(args, path, samples)
    in_ardour(args, [path.with_suffix(f".{ending}") for ending in ("wav", "flac", "aiff")], samples)
    finish()


def in_ardour(args, paths, samples):
    """Where Ardour is installed (it is large and no part of apt.txt)."""
    ardour = shutil.which("ardour7-lua") or shutil.which("ardour8-lua")
    if ardour is None:
        print("  Ardour is not installed: not asked")
        return
    script = pathlib.Path(__file__).with_name("in_ardour.lua")
    with tempfile.TemporaryDirectory() as folder:
        told = {"BARLINE_FILES": "\n".join(map(str, paths)), "BARLINE_SESSION": f"{folder}/session"}
        command = [ardour, script]
        run = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=100)
    rms = float(numpy.sqrt(numpy.mean((samples / 2.0**23) ** 2)))
    found = [line.split() for line in run.stdout.splitlines() if line.startswith("frames ")]
    for file, words in zip(paths, found + [None] * (len(paths) - len(found))):
        same = words is not None and int(words[1]) == len(samples) and abs(float(words[3]) - rms) < 1e-6
        check(f"Ardour: {file.name} is as long and as loud", same, words or run.stderr[-300:])


def in_long_files(args, path, one):
    """What `barline loop` makes of that clip, RF64 as well."""
    loops = 6
    wanted = numpy.tile(one, loops)
    for name, more in (("long.wav", []), ("long_rf64.wav", ["--rf64"]), ("long.flac", []), ("long.ogg", [])):
        long = path.with_name(name)
        command = [args.barline, "loop", path, "--bars", str(loops * BARS), "--vary-every", "off", "--out", long]
        subprocess.run(command + more, check=True, capture_output=True)
        with soundfile.SoundFile(long) as file:
            kind, log, samples = file.format, file.extra_info, file.read(dtype="int32") >> 8
        check(f"libsndfile: {name} is {kind} and as long", len(samples) == len(wanted), len(samples))
        raw = subprocess.run(["sox", long, "-t", "s32", "-L", "-"], check=True, capture_output=True)
        in_sox = numpy.frombuffer(raw.stdout, "<i4") >> 8
        if name.endswith("ogg"):
            noise = numpy.mean((samples - wanted.astype(float)) ** 2) / numpy.mean(wanted.astype(float) ** 2)
            check(f"{name} sounds the same", noise < 0.05 and len(in_sox) == len(wanted), f"{10 * numpy.log10(noise):.0f} dB")
        else:
            same = numpy.array_equal(samples, wanted) and numpy.array_equal(in_sox, wanted)
            check(f"libsndfile, SoX: {name} holds the same samples, without a warning", same and not raw.stderr, raw.stderr.decode())
        if kind == "RF64":
            check("libsndfile: rf64 is read to its end", "iXML" in log and "Exiting" not in log)
        probe = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", long]
        found = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)
        tags = found["format"].get("tags", {}) | found["streams"][0].get("tags", {})
        title = tags.get("title", tags.get("TITLE", ""))
        check(f"FFmpeg: {name} has the prompt", title.startswith(clip.PROMPT), title)


main()
