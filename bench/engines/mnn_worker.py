import numpy as np
from worker import Engine, serve


class Mnn(Engine):
    """MODEL is a .mnn file beside whose name `.outputs` lists the outputs.

    A run is what MNN's own benchmark takes for one: inputs copied in, the session, outputs copied out. Models with
    subgraphs (LSTM) run through the module API instead.
    """

    def __init__(self, options, feeds):
        import MNN

        self.library, self.options = MNN, options
        # MNN has no 64-bit integers.
        self.feeds = {name: np.ascontiguousarray(value.astype(np.int32) if value.dtype == np.int64 else value)
                      for name, value in feeds.items()}
        self.version = MNN.version()
        with open(options.model + ".outputs") as file:
            self.names = file.read().split()

    def load(self):
        self.module = None
        with open(self.options.model + ".kind") as file:
            self.as_module = file.read().strip() == "module"
        if self.as_module:
            self.load_module()
            return
        self.interpreter = self.library.Interpreter(self.options.model)
        self.session = self.interpreter.createSession({"numThread": self.options.threads, "precision": "high",
                                                       "backend": "CPU"})
        self.slots = []
        found = self.interpreter.getSessionInputAll(self.session)
        for name in found:
            if tuple(found[name].getShape()) != self.feeds[name].shape:
                self.interpreter.resizeTensor(found[name], self.feeds[name].shape)
        self.interpreter.resizeSession(self.session)
        found = self.interpreter.getSessionInputAll(self.session)
        for name, slot in found.items():
            self.slots.append((slot, self.plain(self.feeds[name].shape, slot.getDataType(), self.feeds[name])))
        self.results = []
        found = self.interpreter.getSessionOutputAll(self.session)
        for name in self.names:
            slot = found[name]
            shape, kind = slot.getShape(), slot.getDataType()
            dtype = np.float32 if kind == self.library.Halide_Type_Float else np.int32
            self.results.append((slot, self.plain(shape, kind, np.zeros(shape, dtype))))

    def plain(self, shape, kind, data):
        return self.library.Tensor(tuple(shape), kind, data, self.library.Tensor_DimensionType_Caffe)

    def load_module(self):
        settings = {"numThread": self.options.threads, "precision": "high", "backend": "CPU"}
        runtime = self.library.nn.create_runtime_manager((settings,))
        self.module = self.library.nn.load_module_from_file(self.options.model, list(self.feeds), self.names,
                                                            runtime_manager=runtime)
        expr = self.library.expr
        self.variables = []
        for value in self.feeds.values():
            kind = expr.float if value.dtype == np.float32 else expr.int
            variable = expr.placeholder(list(value.shape), expr.NCHW, kind)
            variable.write(value.flatten().tolist())
            self.variables.append(variable)

    def run(self):
        if self.module is not None:
            self.found = self.module.forward(self.variables)
            if not isinstance(self.found, (list, tuple)):
                self.found = [self.found]
            self.read = [variable.read() for variable in self.found]
            return
        for slot, data in self.slots:
            slot.copyFrom(data)
        self.interpreter.runSession(self.session)
        for slot, data in self.results:
            slot.copyToHostTensor(data)

    def outputs(self):
        if self.module is not None:
            return dict(zip(self.names, [np.array(value) for value in self.read]))
        return {name: np.array(data.getNumpyData()).reshape(slot.getShape())
                for name, (slot, data) in zip(self.names, self.results)}


if __name__ == "__main__":
    serve(Mnn)
