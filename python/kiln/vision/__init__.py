"""Pictures in, answers out.

    import kiln.vision
    for thing in kiln.vision.Detector("yolo11n.kiln").detect("street.jpg"):
        print(thing.name, thing.score, thing.box)

Models are paths of ONNX files or engines, or what kiln.Session takes. Pictures are paths, the bytes of a picture file,
or arrays [height, width, 3] of uint8: red, green, blue (`array[..., ::-1]` of what OpenCV reads). All of these classes
may be used from several threads at once, and hold no lock of Python's while they work.
"""
from .answers import (Classifier, ClassScore, Detection, Detector, Embedder, Levels, OCR, Person, Pose, Segmenter,
                      TextLine)
from .pictures import load_picture, most_similar, save_picture
from .videos import Video, VideoWriter

__all__ = [
    "ClassScore", "Classifier", "Detection", "Detector", "Embedder", "Levels", "OCR", "Person", "Pose", "Segmenter",
    "TextLine", "Video", "VideoWriter", "load_picture", "most_similar", "save_picture",
]
