"""A GTK 3 window that drags files out (`--give FILE…`), takes files (`--take`, `--refuse`),
pastes them (`--paste`), has a place for an editor (`--host`) or a second window that takes files (`--second`),
and prints a line of JSON for each thing that happens. Runs with the system's Python."""

import json
import sys
from pathlib import Path

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402


def say(**facts):
    print(json.dumps(facts), flush=True)


def main():
    words = sys.argv[1:]
    window = Gtk.Window(title="GTK window")
    window.set_default_size(300, 200)
    box = Gtk.EventBox()
    column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
    window.add(column)
    column.pack_start(box, True, True, 0)
    if "--host" in words:
        # What a plug-in's editor is put into: a plain window in the lower half.
        editor = Gtk.DrawingArea()
        column.pack_start(editor, True, True, 0)
        editor.connect("realize", lambda editor: say(socket=editor.get_window().get_xid()))
    kinds = [Gtk.TargetEntry.new("text/uri-list", 0, 0)]

    def received(taker, context, x, y, data, _info, time):
        uris = data.get_uris()
        title = taker.get_toplevel().get_title()
        say(took=uris, x=x, y=y, action=context.get_selected_action().value_names, title=title)
        context.finish(True, False, time)

    if "--take" in words:
        box.drag_dest_set(Gtk.DestDefaults.ALL, kinds, Gdk.DragAction.COPY)
        box.connect("drag-data-received", received)
    if "--second" in words:
        second = Gtk.Window(title="second GTK window")
        second.set_default_size(200, 200)
        taker = Gtk.EventBox()
        second.add(taker)
        taker.drag_dest_set(Gtk.DestDefaults.ALL, kinds, Gdk.DragAction.COPY)
        taker.connect("drag-data-received", received)
        second.show_all()
        say(second=second.get_window().get_xid())
    if "--refuse" in words:
        box.drag_dest_set(0, kinds, Gdk.DragAction.COPY)
        box.connect("drag-motion", lambda _b, context, _x, _y, time: (Gdk.drag_status(context, 0, time), True)[1])
    if "--paste" in words:
        clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)

        def pasted(_clipboard, targets):
            uris = clipboard.wait_for_uris()
            gnome = clipboard.wait_for_contents(Gdk.Atom.intern("x-special/gnome-copied-files", False))
            text = clipboard.wait_for_text()
            say(pasted=uris, gnome=gnome.get_data().decode() if gnome else None, text=text)

        clipboard.request_targets(lambda c, t, *n: pasted(c, t))
    if "--give" in words:
        files = [Path(file).as_uri() for file in words[words.index("--give") + 1 :]]
        box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, kinds, Gdk.DragAction.COPY)
        box.connect("drag-data-get", lambda _b, _c, data, _i, _t: data.set_uris(files))
        box.connect("drag-begin", lambda *_: say(began=True))
        box.connect("drag-failed", lambda _b, _c, why: say(failed=why.value_nick) or False)
        box.connect("drag-end", lambda *_: say(ended=True))
    window.connect("destroy", Gtk.main_quit)
    window.show_all()
    say(window=window.get_window().get_xid())
    Gtk.main()


main()
