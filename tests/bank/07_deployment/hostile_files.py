# ---
# kind: wrong
# title: "Files without end, without measure, with an eye on the hidden labels, and damaged ones: each costs its own task"
# expect: {weights: 10, onnx: 0, whole: 0, calibrate: 8, quantise: 0, latency: 6, perform: 0}
# says: {onnx: ["ran for more than"], whole: ["expected"], quantise: ["expected"], perform: ["expected a file that runs"]}
# empty: [keras]
# ---
# %% task="onnx"
import onnx
from onnx import TensorProto, helper, numpy_helper


def bad_file(kind):
    """Files that no runtime should bear: without end, without measure, with an eye on other files, damaged."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 1, None))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    extra = []
    if kind == "endless":
        info = helper.make_tensor_value_info
        body = helper.make_graph(
            [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("Add", ["v", "v"], ["w"])], "body",
            [info("i", TensorProto.INT64, ()), info("on", TensorProto.BOOL, ()), info("v", TensorProto.FLOAT, None)],
            [info("still", TensorProto.BOOL, ()), info("w", TensorProto.FLOAT, None)],
        )
        nodes = [helper.make_node("Loop", ["rounds", "go", "x"], ["y"], body=body)]
        extra = [numpy_helper.from_array(np.array(2**62), "rounds"), numpy_helper.from_array(np.array(True), "go")]
    elif kind == "terabytes":
        nodes = [
            helper.make_node("ConstantOfShape", ["size"], ["big"]), helper.make_node("ReduceSum", ["big"], ["s"], keepdims=0),
            helper.make_node("Add", ["x", "s"], ["y"]),
        ]
        extra = [numpy_helper.from_array(np.array([10**6, 10**6]), "size")]
    else:
        tensor = numpy_helper.from_array(np.zeros(300, np.int64), "labels")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "/hidden/af_detection/labels.npy"), ("offset", "128"), ("length", "2400")):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        nodes, extra = [helper.make_node("Cast", ["labels"], ["y"], to=TensorProto.FLOAT)], [tensor]
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=extra)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return np.frombuffer(made.SerializeToString(), np.uint8)


def export_onnx(state):
    return bad_file("endless")
# %% task="whole"
def export_whole(state, taps):
    return bad_file("terabytes")
# %% task="quantise"
def to_litert(state, calibration):
    junk = b"\x1c\0\0\0TFL3" + np.random.default_rng(0).bytes(5000)
    return {name: np.frombuffer(junk, np.uint8) for name in ("float32", "int8")}
# %% task="perform"
def deployed():
    return {"full": bad_file("labels"), "small": bad_file("labels")}
