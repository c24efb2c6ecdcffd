"""What can be seen on the display, as numbers: a part of the screen is read in under a millisecond, which is
what it takes to time an answer. Pictures to look at are written by ImageMagick."""

import ctypes
import ctypes.util

import numpy

ALL_PLANES = 0xFFFFFFFF
Z_PIXMAP = 2


class _Image(ctypes.Structure):
    """The beginning of Xlib's XImage."""

    _fields_ = [
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("xoffset", ctypes.c_int),
        ("format", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_char)),
        ("byte_order", ctypes.c_int),
        ("bitmap_unit", ctypes.c_int),
        ("bitmap_bit_order", ctypes.c_int),
        ("bitmap_pad", ctypes.c_int),
        ("depth", ctypes.c_int),
        ("bytes_per_line", ctypes.c_int),
        ("bits_per_pixel", ctypes.c_int),
    ]


class Screen:
    """A connection of its own to the display. One thread uses it."""

    def __init__(self):
        name = ctypes.util.find_library("X11")
        if name is None:
            raise RuntimeError("libX11 is missing, see apt.txt")
        self._x = ctypes.CDLL(name)
        pointer, number = ctypes.c_void_p, ctypes.c_ulong
        self._x.XOpenDisplay.restype = pointer
        self._x.XDefaultRootWindow.argtypes = [pointer]
        self._x.XDefaultRootWindow.restype = number
        self._x.XGetImage.restype = ctypes.POINTER(_Image)
        self._x.XGetImage.argtypes = [
            *(pointer, number, ctypes.c_int, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, number, ctypes.c_int),
        ]
        self._x.XDestroyImage.argtypes = [ctypes.POINTER(_Image)]
        self._display = self._x.XOpenDisplay(None)
        if not self._display:
            raise RuntimeError("no display")
        self._root = self._x.XDefaultRootWindow(self._display)

    def part(self, left: int, top: int, width: int, height: int) -> numpy.ndarray:
        """Rows by columns by RGB."""
        image = self._x.XGetImage(
            self._display, self._root, left, top, width, height, ALL_PLANES, Z_PIXMAP
        )
        if not image:
            raise RuntimeError("the screen cannot be read")
        try:
            head = image.contents
            size = head.bytes_per_line * head.height
            rows = numpy.frombuffer(ctypes.string_at(head.data, size), "u1")
            rows = rows.reshape(head.height, head.bytes_per_line // 4, 4)
            # Little-endian: blue comes first.
            return rows[:, :width, 2::-1].copy()
        finally:
            self._x.XDestroyImage(image)
