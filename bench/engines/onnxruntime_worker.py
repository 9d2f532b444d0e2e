from worker import Engine, serve


class OnnxRuntime(Engine):
    def __init__(self, options, feeds):
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)
        self.library, self.options, self.feeds = onnxruntime, options, feeds
        self.version = onnxruntime.__version__

    def load(self):
        settings = self.library.SessionOptions()
        settings.intra_op_num_threads = self.options.threads
        settings.inter_op_num_threads = 1
        self.session = self.library.InferenceSession(self.options.model, settings, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.feed(self.feeds)

    def feed(self, feeds):
        self.binding.clear_binding_inputs()
        self.binding.clear_binding_outputs()
        for name in [port.name for port in self.session.get_inputs()]:
            self.binding.bind_cpu_input(name, feeds[name])
        for port in self.session.get_outputs():
            self.binding.bind_output(port.name)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        names = [port.name for port in self.session.get_outputs()]
        return dict(zip(names, self.binding.copy_outputs_to_cpu()))


if __name__ == "__main__":
    serve(OnnxRuntime)
