from worker import Engine, serve


class Kiln(Engine):
    """MODEL is a .kiln engine, or an ONNX file that is optimised while it loads."""

    def __init__(self, options, feeds):
        import kiln

        self.library, self.options, self.feeds = kiln, options, feeds
        self.version = kiln.__version__
        kiln.set_threads(options.threads)

    def load(self):
        self.session = self.library.Session(self.options.model)

    def feed(self, feeds):
        self.feeds = feeds

    def run(self):
        self.found = self.session.run(self.feeds)

    def outputs(self):
        return self.found


if __name__ == "__main__":
    serve(Kiln)
