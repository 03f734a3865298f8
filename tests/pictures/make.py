"""Writes table.txt: small pictures of every kind, and what Pillow makes of them.

    pip install pillow==13.0.0 numpy && python make.py > table.txt

A line each: name, height, width, tolerance, the file, its pixels [3, height, width]; the last two in
hexadecimal digits. The pixels are those of `ImageOps.exif_transpose(image).convert("RGB")`; but of 16
bits a channel, which Pillow clips or cuts off, they are round(value / 257), by numpy.
"""
import io, struct, zlib
import numpy as np
import PIL
from PIL import Image, ImageOps

random = np.random.default_rng(0)
RGB = random.integers(0, 256, (3, 5, 3), dtype=np.uint8)
GREY = RGB[:, :, 0].copy()
ALPHA = random.integers(0, 256, (3, 5), dtype=np.uint8)
RGBA = np.dstack([RGB, ALPHA])
DEEP = random.integers(0, 65536, (3, 5, 3), dtype=np.uint16)
y, x = np.mgrid[0:8, 0:17]
SMOOTH = np.dstack([x * 14, y * 30, (x + y) * 10]).astype(np.uint8)
INKS = np.dstack([SMOOTH, (x * 3 + y * 9).astype(np.uint8)])
colours = Image.fromarray(RGB).quantize(7)
black_white = Image.fromarray(((GREY > 127) * 255).astype(np.uint8)).convert("1")


def saved(image, format, **options):
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[0x112] = orientation
    return data


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows, width, height, bits, colour, interlace=0):
    """A PNG of lines of bytes, which Pillow does not write: without filters."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def interlaced(pixels):
    """Adam7: the rows of seven passes."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = []
    for left, top, across, down in passes:
        part = pixels[top::down, left::across]
        if part.size:
            rows += [row.tobytes() for row in part]
    return rows


def without_adobe(file, transform=None):
    """A JPEG of four channels without Adobe's marker, or with another transform in it."""
    at = file.index(b"\xff\xee")
    end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    return file[:at] + file[end:] if transform is None else file[: end - 1] + bytes([transform]) + file[end:]


def with_exif_thumbnail(file):
    """A small JPEG in the EXIF data of another, with an end of its own."""
    thumbnail = saved(255 - SMOOTH[:4, :4], "JPEG")
    data = b"Exif\0\0II*\0\x08\0\0\0\0\0" + struct.pack("<I", 14) + struct.pack("<H", 2)
    data += struct.pack("<HHII", 0x201, 4, 1, 44) + struct.pack("<HHII", 0x202, 4, 1, len(thumbnail))
    data += struct.pack("<I", 0) + thumbnail
    return file[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + file[2:]


jpeg = dict(quality=95, subsampling=0)
cmyk = saved(Image.fromarray(INKS, mode="CMYK"), "JPEG", **jpeg)
grey_4 = [np.packbits(np.unpackbits(row[:, None] >> 4, axis=1)[:, 4:]).tobytes() for row in GREY]
table = [
    ("png grey", 0, saved(GREY, "PNG")),
    ("png colours", 0, saved(RGB, "PNG")),
    ("png opacity", 0, saved(RGBA, "PNG")),
    ("png grey opacity", 0, saved(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]), "PNG")),
    ("png grey transparent", 0, saved(GREY, "PNG", transparency=int(GREY[0, 0]))),
    ("png colours transparent", 0, saved(RGB, "PNG", transparency=tuple(int(v) for v in RGB[0, 0]))),
    ("png palette", 0, saved(colours, "PNG")),
    ("png palette transparent", 0, saved(colours, "PNG", transparency=2)),
    ("png palette 1 bit", 0, saved(Image.fromarray(RGB).quantize(2), "PNG", bits=1)),
    ("png 1 bit", 0, saved(black_white, "PNG")),
    ("png 4 bits", 0, png(grey_4, 5, 3, 4, 0)),
    ("png interlaced", 0, png(interlaced(RGB), 5, 3, 8, 2, interlace=1)),
    ("png animated", 0, saved(RGB, "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)])),
    ("png grey 16 bits", DEEP[:, :, :1], png([row.astype(">u2").tobytes() for row in DEEP[:, :, 0]], 5, 3, 16, 0)),
    ("png colours 16 bits", DEEP, png([row.astype(">u2").tobytes() for row in DEEP], 5, 3, 16, 2)),
    ("gif", 0, saved(colours, "GIF")),
    ("gif transparent", 0, saved(colours, "GIF", transparency=2)),
    ("gif animated", 0, saved(colours, "GIF", save_all=True, append_images=[Image.fromarray(255 - RGB)])),
    ("webp", 0, saved(RGB, "WEBP", lossless=True)),
    ("webp opacity", 0, saved(RGBA, "WEBP", lossless=True, exact=True)),
    ("webp lossy", 1, saved(SMOOTH, "WEBP", quality=90)),
    ("webp animated", 0, saved(RGB, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - RGB)])),
    ("bmp", 0, saved(RGB, "BMP")),
    ("bmp grey", 0, saved(GREY, "BMP")),
    ("bmp palette", 0, saved(colours, "BMP")),
    ("bmp 1 bit", 0, saved(black_white, "BMP")),
    ("pgm", 0, saved(GREY, "PPM")),
    ("ppm", 0, saved(RGB, "PPM")),
    ("pbm", 0, saved(black_white, "PPM")),
    ("pgm 16 bits", DEEP[:, :, :1], b"P5 5 3 65535 " + DEEP[:, :, 0].astype(">u2").tobytes()),
    ("jpeg grey", 1, saved(SMOOTH[:, :, 0], "JPEG", quality=95)),
    ("jpeg 4:4:4", 2, saved(SMOOTH, "JPEG", **jpeg)),
    ("jpeg 4:2:0", 4, saved(SMOOTH, "JPEG", quality=95, subsampling=2)),
    ("jpeg progressive", 2, saved(SMOOTH, "JPEG", progressive=True, **jpeg)),
    ("jpeg restarts", 2, saved(SMOOTH, "JPEG", restart_marker_blocks=1, **jpeg)),
    ("jpeg RGB", 1, saved(SMOOTH, "JPEG", keep_rgb=True, quality=95)),
    ("jpeg thumbnail", 2, with_exif_thumbnail(saved(SMOOTH, "JPEG", **jpeg))),
    ("jpeg CMYK", 1, cmyk),
    ("jpeg CMYK without Adobe", 1, without_adobe(cmyk)),
    ("jpeg YCCK", 2, without_adobe(cmyk, transform=2)),
    *((f"png turned {n}", 0, saved(RGB, "PNG", exif=exif(n))) for n in range(1, 9)),
    *((f"jpeg turned {n}", 2, saved(SMOOTH, "JPEG", exif=exif(n), **jpeg)) for n in (3, 6)),
    ("webp turned 8", 0, saved(RGB, "WEBP", lossless=True, exif=exif(8))),
]
print(f"# By make.py with Pillow {PIL.__version__}: name, height, width, tolerance, file, pixels.")
for name, tolerance, file in table:
    if isinstance(tolerance, np.ndarray):
        pixels, tolerance = np.broadcast_to(np.round(tolerance / 257), (3, 5, 3)).astype(np.uint8), 0
    else:
        pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB"))
    height, width, _ = pixels.shape
    print(name, height, width, tolerance, file.hex(), pixels.transpose(2, 0, 1).tobytes().hex(), sep="\t")
