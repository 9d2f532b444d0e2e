"""Makes the small pictures beside picture_test.cpp, one for each kind of file: 24 x 16 pixels whose colours say
where they are. Needs Pillow and NumPy."""

import struct
import zlib
from pathlib import Path

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


def main():
    FOLDER.mkdir(exist_ok=True)
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
