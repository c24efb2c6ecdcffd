-- A song in Ardour without its window: run by `in_ardour.py` with `ardour7-lua`. BARLINE_SESSION is the
-- session's folder, BARLINE_STEP what is to be done: "make" it with the plugin in it, "save" it again as
-- it was loaded, or "export" it to the folder BARLINE_EXPORT. With BARLINE_OUTPUTS "all" the bus has all
-- of the plugin's outputs.
local folder, step = os.getenv("BARLINE_SESSION"), os.getenv("BARLINE_STEP")
local all_outputs = os.getenv("BARLINE_OUTPUTS") == "all"
local SECONDS, RATE = 12, 48000

local function say(...)
  io.stderr:write(table.concat({ ... }, " "), "\n")
end

-- The session hands its clips to the player in its own time, for which an export does not wait here:
-- Ardour always says that it plays in real time.
local function wait(seconds)
  ARDOUR.LuaAPI.usleep(math.floor(seconds * 1000000))
end

if step == "make" then
  local session = assert(create_session(folder, "song", RATE), "no session")
  local map = Temporal.TempoMap.fetch_writable()
  map:set_tempo(Temporal.Tempo(97.5, 97.5, 4), Temporal.timepos_t(0))
  Temporal.TempoMap.update(map)
  map = nil
  -- A bus: on a track the disk's silence would come after the plugin.
  local buses = session:new_audio_route(2, 2, nil, 1, "Loop", ARDOUR.PresentationInfo.Flag.AudioBus, -1)
  -- Two outputs, whatever the plugin has, or one for each of its eighteen.
  buses:front():set_strict_io(not all_outputs)
  local plugin = ARDOUR.LuaAPI.new_plugin(session, "Barline", ARDOUR.PluginType.VST3, "")
  assert(not plugin:isnil(), "Ardour does not find the plugin")
  assert(buses:front():add_processor_by_index(plugin, 0, nil, true) == 0, "the bus does not take it")
  session:save_state("")
  buses, plugin = nil, nil
else
  local session = assert(load_session(folder, "song"), "no session")
  local tempo = Temporal.TempoMap.read():quarters_per_minute_at(Temporal.timepos_t(RATE))
  say("tempo", tempo)
  local plugin = session:route_by_name("Loop"):nth_plugin(0):to_insert():plugin(0)
  say("plugin", plugin:name())
  plugin = nil
  wait(1)
  if step == "save" then
    session:save_state("")
  else
    if all_outputs then
      -- Ardour's panner would put eighteen outputs on a circle of as many speakers, the plugin's first
      -- two on the tenth to twelfth, where no master hears them: so it does with any such plugin.
      session:route_by_name("Loop"):panner_shell():set_bypassed(true)
    end
    local export = session:simple_export()
    assert(export:set_preset("75969a1c-3133-4694-864b-a1fa50e43348"), "no such preset")
    export:set_folder(os.getenv("BARLINE_EXPORT"))
    export:set_name("song")
    export:set_range(0, SECONDS * RATE)
    assert(export:run_export(), "the export failed")
    say("exported")
    export = nil
  end
end
-- What Lua still holds of the session must not outlive it.
collectgarbage()
close_session()
quit()
