"""OrtValue, IOBinding, sparse tensors, devices: the same on both modules."""
import numpy as np
import pytest

import small_models

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def session(ort):
    return ort.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])


def test_a_value_sees_the_array(ort):
    x = X.copy()
    value = ort.OrtValue.ortvalue_from_numpy(x)
    assert (value.shape(), value.data_type(), value.element_type()) == ([2, 3], "tensor(float)", 1)
    assert (value.is_tensor(), value.has_value(), value.is_sparse_tensor(), value.is_tensor_sequence()) == (
        True, True, False, False)
    assert (value.device_name(), value.tensor_size_in_bytes(), value.data_ptr()) == ("cpu", 24, x.ctypes.data)
    assert np.shares_memory(value.numpy(), x)
    value.update_inplace(np.zeros((2, 3), np.float32))
    assert not x.any()
    assert np.asarray(value, dtype=np.float64).dtype == np.float64 and value.__dlpack_device__() == (1, 0)


def test_what_a_value_refuses(ort):
    value = ort.OrtValue.ortvalue_from_numpy(X.copy())
    with pytest.raises(RuntimeError, match="does not match the size"):
        value.update_inplace(np.zeros((2, 2), np.float32))
    with pytest.raises(TypeError, match="data must be a numpy.ndarray or an OrtValue"):
        value.update_inplace([1])
    with pytest.raises(RuntimeError, match="does not contain SparseTensor"):
        value.as_sparse_tensor()
    for wrong in (np.array(["a"]), [1, 2]):
        with pytest.raises(RuntimeError, match="only supported from non-string numpy arrays"):
            ort.OrtValue.ortvalue_from_numpy(wrong)
    with pytest.raises(RuntimeError, match="Can't allocate memory on the device"):
        ort.OrtValue.ortvalue_from_numpy(X, "cuda", 0)
    with pytest.raises(ValueError, match="Provided ortvalue"):
        ort.OrtValue(3)


def test_values_of_other_types(ort):
    assert ort.OrtValue.ortvalue_from_shape_and_type([2, 2], np.float32).numpy().shape == (2, 2)
    pytest.importorskip("ml_dtypes")
    half = ort.OrtValue.ortvalue_from_shape_and_type([2, 2], 16)
    assert (half.element_type(), half.data_type(), half.tensor_size_in_bytes()) == (16, "tensor(bfloat16)", 8)
    with pytest.raises(RuntimeError, match="No corresponding Numpy type"):
        half.numpy()
    assert ort.OrtValue.ortvalue_from_shape_and_type([2], 17).numpy().dtype == np.uint8
    bits = np.array([0x3F80, 0x4000], np.uint16)
    assert ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, 16).data_type() == "tensor(bfloat16)"
    with pytest.raises(RuntimeError, match="Items size in the incoming array"):
        ort.OrtValue.ortvalue_from_numpy_with_onnx_type(np.zeros(3, np.uint8), 16)


def test_dlpack(ort):
    x = X.copy()
    value = ort.OrtValue.from_dlpack(x)
    assert value.shape() == [2, 3] and np.shares_memory(value.numpy(), x)
    assert np.shares_memory(np.from_dlpack(ort.OrtValue.ortvalue_from_numpy(x)), x)
    again = ort.OrtValue.from_dlpack(value._ortvalue.to_dlpack())
    assert again.data_ptr() == x.ctypes.data


def test_dlpack_of_torch(ort):
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    for dtype, name in ((torch.float32, "float"), (torch.bfloat16, "bfloat16"), (torch.int64, "int64"),
                        (torch.float16, "float16"), (torch.uint8, "uint8")):
        given = torch.ones((2, 3), dtype=dtype)
        value = ort.OrtValue.from_dlpack(given)
        assert value.data_type() == f"tensor({name})" and value.data_ptr() == given.data_ptr()
        back = torch.from_dlpack(value)
        assert back.dtype == dtype and back.data_ptr() == given.data_ptr() and (back == given).all()


def test_runs_with_values(ort, state, session):
    value = ort.OrtValue.ortvalue_from_numpy(X)
    for names in (None, ["z"]):
        results = session.run_with_ort_values(names, {"x": value, "y": value})
        assert [type(result) for result in results] == [ort.OrtValue] and (results[0].numpy() == X + X).all()
    assert (session.run(None, {"x": value, "y": value})[0] == X + X).all()
    with pytest.raises(state.InvalidArgument, match="Invalid output name:q"):
        session.run_with_ort_values(["q"], {"x": value, "y": value})
    with pytest.raises(ValueError, match="Required inputs"):
        session.run_with_ort_values(["z"], {"x": value})
    with pytest.raises(AttributeError):
        session.run_with_ort_values(["z"], {"x": X, "y": X})


def test_vectors(ort, state, session):
    feeds, fetches = state.OrtValueVector(), state.OrtValueVector()
    for _ in range(2):
        feeds.push_back(ort.OrtValue.ortvalue_from_numpy(X)._get_c_value())
    device = ort.OrtDevice.make("cpu", 0)._get_c_device()
    session.run_with_ortvaluevector(ort.RunOptions(), ["x", "y"], feeds, ["z"], fetches, [device])
    assert len(fetches) == 1 and (fetches[0].numpy() == X + X).all()


def test_binding(ort, session):
    x = X.copy()
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_input("y", "cpu", 0, np.float32, [2, 3], x.ctypes.data)
    with pytest.raises(RuntimeError, match="At least one output should be requested"):
        session.run_with_iobinding(binding)
    binding.bind_output("z")
    session.run_with_iobinding(binding)
    assert (binding.get_outputs()[0].numpy() == X + X).all()
    x += 1
    session.run_with_iobinding(binding, ort.RunOptions())
    assert (binding.copy_outputs_to_cpu()[0] == x + x).all()
    binding.synchronize_inputs()
    binding.synchronize_outputs()
    assert len(binding.get_outputs_as_ortvaluevector()) == 1
    binding.clear_binding_outputs()
    assert binding.get_outputs() == []


def test_bound_outputs_are_written_in_place(ort, session):
    binding = ort.IOBinding(session)
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(X))
    binding.bind_ortvalue_input("y", ort.OrtValue.ortvalue_from_numpy(X))
    z = np.zeros((2, 3), np.float32)
    binding.bind_output("z", "cpu", 0, np.float32, [2, 3], z.ctypes.data)
    session.run_with_iobinding(binding)
    assert (z == X + X).all() and binding.get_outputs()[0].data_ptr() == z.ctypes.data
    other = ort.OrtValue.ortvalue_from_numpy(np.zeros((2, 3), np.float32))
    binding.bind_ortvalue_output("z", other)
    session.run_with_iobinding(binding)
    assert (other.numpy() == X + X).all()


def test_an_output_may_lie_where_an_input_does(ort, session):
    x = ort.OrtValue.ortvalue_from_numpy(X.copy())
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_input("y", x)
    binding.bind_ortvalue_output("z", x)
    session.run_with_iobinding(binding)
    assert (x.numpy() == X + X).all()


def test_what_bindings_refuse(ort, session):
    binding = session.io_binding()
    if ort.__name__ == "onnxruntime":
        pytest.skip("ONNX Runtime ends the process now and then where a binding is refused")
    with pytest.raises(RuntimeError, match="Failed to find NodeArg with name: q"):
        binding.bind_cpu_input("q", X)
    with pytest.raises(RuntimeError, match="Unable to create OrtValue"):
        binding.bind_cpu_input("x", [1, 2])
    with pytest.raises(ValueError, match="are to be provided"):
        binding.bind_output("z", buffer_ptr=X.ctypes.data)
    with pytest.raises(RuntimeError):
        binding.bind_input("x", "cuda", 0, np.float32, [2, 3], 0)
    binding.bind_cpu_input("x", X)
    binding.bind_cpu_input("y", X)
    wrong = np.zeros((2, 2), np.float32)
    binding.bind_output("z", "cpu", 0, np.float32, [2, 2], wrong.ctypes.data)
    with pytest.raises(RuntimeError, match="Got invalid dimensions for output"):
        session.run_with_iobinding(binding)
    other = ort.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])
    with pytest.raises(ValueError, match="must be used with the session that created it"):
        other.run_with_iobinding(binding)


def test_sparse_tensors(ort):
    cpu = ort.OrtDevice.make("cpu", 0)
    coo = ort.SparseTensor.sparse_coo_from_numpy(np.array([3, 3]), np.array([1, 2], np.float32), np.array([1, 5]), cpu)
    assert coo.format() == ort.OrtSparseFormat.ORT_SPARSE_COO and list(coo.dense_shape()) == [3, 3]
    assert (coo.data_type(), coo.device_name()) == ("sparse_tensor(float)", "cpu")
    assert coo.values().tolist() == [1, 2] and coo.as_coo_view().indices().tolist() == [1, 5]
    for view in (coo.as_csrc_view, coo.as_blocksparse_view):
        with pytest.raises(RuntimeError, match="does not contain"):
            view()
    value = ort.OrtValue.ort_value_from_sparse_tensor(coo)
    assert value.is_sparse_tensor() and value.data_type() == "sparse_tensor(float)"
    csr = ort.SparseTensor.sparse_csr_from_numpy(np.array([3, 3]), np.array([1, 2], np.float32), np.array([1, 2]),
                                                 np.array([0, 1, 2, 2]), cpu)
    assert csr.as_csrc_view().inner().tolist() == [1, 2] and csr.as_csrc_view().outer().tolist() == [0, 1, 2, 2]
    with pytest.raises(RuntimeError):
        coo.to_cuda(ort.OrtDevice.make("cuda", 0))


def test_devices(ort):
    device = ort.OrtDevice.make("cpu", 0)
    assert (device.device_type(), device.device_id(), device.device_mem_type(), device.device_vendor_id()) == (0,) * 4
    assert ort.OrtDevice.make("cuda", 1).device_type() == 1
    with pytest.raises(Exception, match="Unsupported device type"):
        ort.OrtDevice.make("foo", 0)
    found = [device for device in ort.get_ep_devices() if device.ep_name == "CPUExecutionProvider"]
    assert found and found[0].device.type == ort.OrtHardwareDeviceType.CPU
    info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    assert (info.name, info.device_id, info.mem_type) == ("Cpu", 0, ort.OrtMemType.DEFAULT)
    assert ort.OrtArenaCfg({"max_mem": 10}).max_mem == 10
    with pytest.raises(RuntimeError, match="Invalid OrtArenaCfg option: zz"):
        ort.OrtArenaCfg({"zz": 1})


def test_copies_between_values(ort):
    source, target = (ort.OrtValue.ortvalue_from_numpy(array) for array in (X, np.zeros_like(X)))
    if ort.__name__ == "onnxruntime":
        pytest.skip("ONNX Runtime copies from and to other devices only")
    ort.copy_tensors([source], [target])
    assert (target.numpy() == X).all()
