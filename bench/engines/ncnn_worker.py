import numpy as np
from worker import Engine, serve


class Ncnn(Engine):
    """MODEL is the .ncnn.param file; pnnx has put the weights beside it and named inputs and outputs in0, out0, ..."""

    def __init__(self, options, feeds):
        import ncnn

        self.library, self.options = ncnn, options
        self.version = ncnn.__version__
        # ncnn has neither a batch dim nor 64-bit integers.
        self.feeds = [np.ascontiguousarray((value.astype(np.int32) if value.dtype == np.int64 else value)[0])
                      for value in feeds.values()]

    def load(self):
        self.net = self.library.Net()
        settings = self.net.opt
        settings.num_threads = self.options.threads
        settings.use_fp16_packed = settings.use_fp16_storage = settings.use_fp16_arithmetic = False
        settings.use_bf16_storage = False
        if self.net.load_param(self.options.model) != 0:
            raise RuntimeError("load_param failed")
        if self.net.load_model(self.options.model.removesuffix(".param") + ".bin") != 0:
            raise RuntimeError("load_model failed")
        self.inputs = sorted(self.net.input_names(), key=lambda name: int(name[2:]))
        self.names = sorted(self.net.output_names(), key=lambda name: int(name[3:]))
        self.mats = [self.library.Mat(value).clone() for value in self.feeds]

    def run(self):
        extractor = self.net.create_extractor()
        for name in self.inputs:
            extractor.input(name, self.mats[int(name[2:])])
        self.found = []
        for name in self.names:
            status, mat = extractor.extract(name)
            if status != 0:
                raise RuntimeError(f"extracting {name} failed: {status}")
            self.found.append(mat)

    def outputs(self):
        return {name: np.array(mat) for name, mat in zip(self.names, self.found)}


if __name__ == "__main__":
    serve(Ncnn)
