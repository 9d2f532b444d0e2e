"""Draws the pictures, makes the sound, the sentences and the models that the programs in programs/ work on."""
from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))

ENGLISH = [
    "The quick brown fox jumps over the lazy dog", "Invoice number 20814", "Total amount due: 1,284.50 EUR",
    "Departure 14:35 from platform 7", "Please keep off the grass", "Chapter 3. A long way home",
    "Serial No. KX-4471-B2", "Opening hours: Monday to Friday", "Caution: hot surface", "Thank you for your visit",
]
CHINESE = [
    "\u4eca\u5929\u5929\u6c14\u5f88\u597d", "\u8bf7\u52ff\u5438\u70df", "\u5317\u4eac\u706b\u8f66\u7ad9",
    "\u6b22\u8fce\u5149\u4e34", "\u4eba\u5de5\u667a\u80fd\u6280\u672f", "\u53d1\u7968\u53f7\u7801 20814",
    "\u5c0f\u5fc3\u5730\u6ed1", "\u8425\u4e1a\u65f6\u95f4 9:00-18:00", "\u4e2d\u534e\u4eba\u6c11\u5171\u548c\u56fd",
    "\u8c22\u8c22\u60a8\u7684\u60e0\u987e",
]
# (width, height, size of the letters, degrees)
PAGES = [
    (320, 120, 24, 0), (480, 320, 28, 0), (640, 200, 36, 0), (640, 480, 22, 4), (800, 600, 30, 0), (800, 600, 26, -5),
    (1024, 768, 34, 0), (1024, 300, 44, 2), (1200, 900, 28, 0), (600, 900, 30, 0), (500, 500, 40, 8), (300, 700, 20, 0),
    (1600, 400, 48, 0), (900, 900, 24, -8), (720, 240, 30, 0), (400, 250, 18, 0), (1280, 720, 40, 0), (960, 540, 26, 3),
    (550, 420, 32, -3), (12119, 810, 90, 0),
]


def font_path() -> Path | None:
    """A font with Chinese letters; Debian has some in fonts-wqy-microhei, fonts-wqy-zenhei and fonts-noto-cjk."""
    for pattern in ("wqy-microhei.tt?", "wqy-zenhei.tt?", "NotoSansCJK-Regular.tt?"):
        for folder in (Path("/usr/share/fonts"), Path.home() / ".local" / "share" / "fonts"):
            found = sorted(folder.rglob(pattern)) if folder.is_dir() else []
            if found:
                return found[0]
    return None


def draw_pictures(folder: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    for index, (width, height, size, degrees) in enumerate(PAGES):
        picture = Image.new("RGB", (width, height), (250, 248, 240))
        draw = ImageDraw.Draw(picture)
        font = ImageFont.truetype(str(font_path()), size)
        y, line = size // 2, index
        while y + 2 * size < height:
            x, texts = size, (ENGLISH, CHINESE)[line % 2]
            while x + 12 * size < width or x == size:
                text = texts[(line + x) % len(texts)]
                draw.text((x, y), text, fill=(20, 20, 40 + 10 * (line % 8)), font=font)
                x = int(draw.textbbox((x, y), text, font=font)[2]) + 3 * size
            y, line = y + 2 * size, line + 1
        if degrees:
            picture = picture.rotate(degrees, expand=True, fillcolor=(250, 248, 240), resample=Image.Resampling.BICUBIC)
        picture.save(folder / f"picture_{index:02}.png")


def make_sound(folder: Path, seconds: int = 60) -> None:
    """Buzzes with moving formants, much like vowels, between noise."""
    random = np.random.default_rng(7)
    rate = 16000
    time = np.arange(rate) / rate
    parts = []
    for second in range(seconds):
        noise = random.standard_normal(rate) * 0.01
        if second % 5 in (1, 2, 3):
            pitch = 110 + 40 * np.sin(2 * np.pi * (0.7 * time + second / 9))
            phase = 2 * np.pi * np.cumsum(pitch) / rate
            voice = sum(np.exp(-((k * 130 - centre) / 400) ** 2) * np.sin(k * phase)
                        for k in range(1, 30) for centre in (500 + 200 * np.sin(second), 1500 + 300 * np.cos(second)))
            noise += 0.2 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
        parts.append(noise)
    np.save(folder / "sound.npy", np.concatenate(parts).astype(np.float32))


def make_sentences(folder: Path) -> None:
    random = np.random.default_rng(7)
    words = " ".join(ENGLISH).lower().replace(",", "").split()
    lines = [" ".join(random.choice(words, random.integers(4, 40))) for _ in range(200)]
    (folder / "sentences.txt").write_text("\n".join(lines), encoding="utf-8")


def make_minilm(folder: Path) -> None:
    import models
    models.minilm(folder)


def _save(folder: Path, name: str, onnx_model, feed: dict) -> None:
    (folder / f"table_{name}.onnx").write_bytes(onnx_model.SerializeToString())
    with open(folder / f"table_{name}.pickle", "wb") as file:
        pickle.dump(feed, file)


def make_pipelines(folder: Path) -> None:
    """Five pipelines of scikit-learn: numbers, categories, polynomials, neighbours and support vectors."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
    from sklearn.svm import SVC

    random = np.random.default_rng(7)
    x = random.standard_normal((400, 6)).astype(np.float32)
    label = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 0.8)

    logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, label)
    _save(folder, "logistic", to_onnx(logistic, x[:1]), {"X": x})

    numbers = make_pipeline(PolynomialFeatures(2), StandardScaler(),
                            GradientBoostingRegressor(n_estimators=40, random_state=7))
    _save(folder, "polynomials", to_onnx(numbers.fit(x, x[:, 0] * x[:, 1]), x[:1]), {"X": x})

    vectors = make_pipeline(PCA(4, random_state=7), SVC(random_state=7)).fit(x, label)
    _save(folder, "vectors", to_onnx(vectors, x[:1], options={"zipmap": False}), {"X": x})

    colour = random.choice(np.array(["red", "green", "blue"], object), (400, 1))
    mixed = np.concatenate([colour, x[:, :2].astype(object)], axis=1)
    forest = make_pipeline(
        ColumnTransformer([("colour", OneHotEncoder(), [0]), ("numbers", StandardScaler(), [1, 2])]),
        RandomForestClassifier(30, random_state=7)).fit(mixed, np.array(["no", "yes", "maybe"])[label])
    types = [("colour", StringTensorType([None, 1])), ("numbers", FloatTensorType([None, 2]))]
    _save(folder, "mixed", to_onnx(forest, initial_types=types), {"colour": colour, "numbers": x[:, :2].copy()})

    near = make_pipeline(StandardScaler(), KNeighborsClassifier(5)).fit(x, label)
    _save(folder, "neighbours", to_onnx(near, x[:1]), {"X": x[:100].copy()})


def make_boosting(folder: Path) -> None:
    """A classifier and a regressor of LightGBM."""
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    random = np.random.default_rng(7)
    x = random.standard_normal((1000, 8)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + x[:, 2]
    types = [("X", FloatTensorType([None, 8]))]
    classifier = lightgbm.LGBMClassifier(n_estimators=60, verbose=-1, random_state=7).fit(x, np.digitize(y, [-1, 1]))
    _save(folder, "lgbm_classes", convert_lightgbm(classifier, initial_types=types, target_opset=15), {"X": x[:500]})
    regressor = lightgbm.LGBMRegressor(n_estimators=100, verbose=-1, random_state=7).fit(x, y)
    _save(folder, "lgbm_number", convert_lightgbm(regressor, initial_types=types, target_opset=15), {"X": x[:500]})
