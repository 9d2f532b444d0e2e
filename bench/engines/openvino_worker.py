from worker import Engine, serve


class OpenVino(Engine):
    def __init__(self, options, feeds):
        import openvino

        self.library, self.options, self.feeds = openvino, options, feeds
        self.version = openvino.__version__.split("-")[0]
        self.core = openvino.Core()

    def load(self):
        settings = {"INFERENCE_NUM_THREADS": self.options.threads, "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": "f32"}
        compiled = self.core.compile_model(self.core.read_model(self.options.model), "CPU", settings)
        self.request = compiled.create_infer_request()
        self.inputs, self.ports = compiled.inputs, compiled.outputs
        self.feed(self.feeds)

    def feed(self, feeds):
        for port in self.inputs:
            name = next(name for name in port.get_names() if name in feeds)
            self.request.set_tensor(port, self.library.Tensor(feeds[name], shared_memory=True))

    def run(self):
        self.request.infer()

    def outputs(self):
        return {port.get_any_name(): self.request.get_tensor(port).data.copy() for port in self.ports}


if __name__ == "__main__":
    serve(OpenVino)
