"""Makes the small pictures beside picture_test.cpp, one for each kind of file: 24 x 16 pixels whose colours say
where they are. Needs Pillow, NumPy and
OpenCV, whose answers the resized and warped ones are."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent / "pictures"


def pixels():
    """Red grows to the right, green downwards; blue marks the top left corner."""
    y, x = np.mgrid[0:16, 0:24]
    picture = np.stack([x * 10, y * 15, np.where((x < 8) & (y < 8), 250, 30)], axis=-1)
    return picture.astype(np.uint8)


def stored(orientation):
    """What has to be stored so that it is seen as pixels() once it is turned."""
    seen = pixels()
    back = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
            5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
            8: lambda a: np.rot90(a, -1)}
    return Image.fromarray(np.ascontiguousarray(back[orientation](seen)))


# The test names the same: corners of what is seen, from the top left clockwise, and the size that it is to have.
CORNERS = [[12, 9], [80, 14], [76, 50], [8, 41]]
SEEN = (70, 40)
AFFINE = [[0.9, 0.2, -3.3], [-0.15, 1.1, 2.7]]


def resampled():
    """A picture of noise and ramps, and what OpenCV makes of it."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:61, 0:97]
    source = np.stack([x * 2.6, y * 4.1, 128 + 60 * np.sin(x / 5) * np.cos(y / 4)], axis=-1)
    source = np.clip(source + rng.integers(-25, 25, source.shape), 0, 255).astype(np.uint8)
    yield "source", source
    for width, height in [(97, 61), (48, 30), (33, 17), (194, 122), (250, 40), (1, 1), (40, 200)]:
        yield f"resized_{width}x{height}", cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR)
    to = np.array([[0, 0], [SEEN[0], 0], list(SEEN), [0, SEEN[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(CORNERS, np.float32), to)
    for name, flags, border in [("cubic", cv2.INTER_CUBIC, cv2.BORDER_REPLICATE),
                                ("linear", cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)]:
        yield f"seen_{name}", cv2.warpPerspective(source, matrix, SEEN, flags=flags, borderMode=border)
    yield "affine", cv2.warpAffine(source, np.array(AFFINE), (97, 61), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def resampled_noise():
    """The same for what shows every difference: neighbours that have nothing in common."""
    source = np.random.default_rng(8).integers(0, 256, (66, 100, 3), np.uint8)
    yield "noise", source
    for size in [(50, 33), (20, 13), (25, 16), (37, 60), (230, 90), (100, 33), (31, 66)]:
        yield f"noise_{size[0]}x{size[1]}", cv2.resize(source, size, interpolation=cv2.INTER_LINEAR)
    to = np.array([[0, 0], [SEEN[0], 0], list(SEEN), [0, SEEN[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(CORNERS, np.float32), to)
    yield "noise_cubic", cv2.warpPerspective(source, matrix, SEEN, flags=cv2.INTER_CUBIC,
                                             borderMode=cv2.BORDER_REPLICATE)
    yield "noise_affine", cv2.warpAffine(source, np.array(AFFINE), (97, 61),
                                         flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, picture in [*resampled(), *resampled_noise()]:
        Image.fromarray(picture).save(FOLDER / f"{name}.png")
    rgb = Image.fromarray(pixels())
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        stored(orientation).save(FOLDER / f"turned_{orientation}.png", exif=exif.tobytes())
        stored(orientation).save(FOLDER / f"turned_{orientation}.tiff", tiffinfo={0x112: orientation},
                                 compression="tiff_lzw")
    exif = Image.Exif()
    exif[0x112] = 6
    stored(6).save(FOLDER / "turned.jpg", quality=95, subsampling=0, exif=exif.tobytes())
    stored(6).save(FOLDER / "turned.webp", lossless=True, exif=exif.tobytes())
    rgb.convert("CMYK").save(FOLDER / "inks.jpg", quality=95)
    rgb.convert("CMYK").save(FOLDER / "inks.tiff", compression="tiff_lzw")
    rgb.convert("L").save(FOLDER / "gray.jpg", quality=95)
    rgb.save(FOLDER / "progressive.jpg", quality=95, progressive=True, subsampling=0)
    rgb.quantize(64).save(FOLDER / "palette.png")
    rgb.quantize(64).save(FOLDER / "palette.bmp")
    rgb.save(FOLDER / "plain.bmp")
    gray16 = (np.asarray(rgb.convert("L")).astype(np.uint16) << 8) | 0x7f
    Image.fromarray(gray16).save(FOLDER / "gray16.png")
    Image.fromarray(gray16).save(FOLDER / "gray16.tiff")
    rgb.convert("RGBA").save(FOLDER / "alpha.png")
    rgb.convert("1").save(FOLDER / "bits.png")
    other = Image.fromarray(255 - pixels())
    rgb.save(FOLDER / "animated.webp", save_all=True, append_images=[other], lossless=True, duration=100)
    rgb.save(FOLDER / "animated.png", save_all=True, append_images=[other], duration=100)
    huge = bytearray((FOLDER / "alpha.png").read_bytes())
    huge[16:24] = struct.pack(">II", 100_000, 100_000)
    huge[29:33] = struct.pack(">I", zlib.crc32(bytes(huge[12:29])))
    (FOLDER / "huge.png").write_bytes(huge)


if __name__ == "__main__":
    main()
