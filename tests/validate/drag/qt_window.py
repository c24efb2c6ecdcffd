"""A Qt 5 window that drags files out (`--give FILE…`), takes files (`--take`), or both, and
prints a line of JSON for each thing that happens. Runs with the system's Python."""

import json
import sys

from PyQt5.QtCore import QMimeData, Qt, QUrl
from PyQt5.QtGui import QDrag
from PyQt5.QtWidgets import QApplication, QWidget

words = sys.argv[1:]


def say(**facts):
    print(json.dumps(facts), flush=True)


class Window(QWidget):
    def __init__(self):
        super().__init__()
        self.setWindowTitle("Qt window")
        self.resize(300, 200)
        self.setAcceptDrops("--take" in words)

    def dragEnterEvent(self, event):
        if event.mimeData().hasUrls():
            event.setDropAction(Qt.CopyAction)
            event.accept()

    def dropEvent(self, event):
        uris = [bytes(url.toEncoded()).decode() for url in event.mimeData().urls()]
        say(took=uris, x=event.pos().x(), y=event.pos().y(), action=int(event.dropAction()))
        event.setDropAction(Qt.CopyAction)
        event.accept()

    def mouseMoveEvent(self, event):
        if "--give" not in words or not event.buttons() & Qt.LeftButton:
            return
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(file) for file in words[words.index("--give") + 1 :]])
        drag = QDrag(self)
        drag.setMimeData(data)
        say(began=True)
        say(ended=int(drag.exec_(Qt.CopyAction)))


application = QApplication(sys.argv[:1])
window = Window()
window.show()
say(window=int(window.winId()))
application.exec_()
