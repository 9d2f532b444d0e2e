"""`import onnxruntime` where ONNX Runtime is not installed: this name becomes kiln.onnxruntime."""
import kiln.dropin

kiln.dropin.take_over()
