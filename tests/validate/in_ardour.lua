-- Ardour's own reader on files of Barline's: run by `in_readers.py` with `ardour7-lua`, where that
-- is installed. BARLINE_FILES names the files, a line each; BARLINE_SESSION a folder for a session,
-- which Ardour wants before it reads anything. Prints "frames <n> rms <x>" for each.
local session = create_session(os.getenv("BARLINE_SESSION"), "readers", 44100)
assert(session, "no session")
for path in os.getenv("BARLINE_FILES"):gmatch("[^\n]+") do
  for file in ARDOUR.Readable.load(session, path):iter() do
    local frames = file:readable_length()
    local memory = ARDOUR.DSP.DspShm(frames)
    file:read(memory:to_float(0), 0, frames, 0)
    local samples, sum = memory:to_float(0):array(), 0
    for i = 1, frames do sum = sum + samples[i] * samples[i] end
    print(string.format("frames %d rms %.9f", frames, math.sqrt(sum / frames)))
  end
end
close_session()
quit()
