"""A small computation in each library, compared with what every machine of the fleet must get.

The last digits may differ between processors, since each has kernels of its own; so numbers are compared with a tolerance.
Prints one line of JSON; exits with 1 and says what differs when something does.
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import sklearn
from sklearn.linear_model import LogisticRegression

TOLERANCE = 1e-4
HERE = Path(__file__).parent


def grid() -> np.ndarray:
    """Sixty points in four dimensions that no random generator has a part in."""
    return np.sin(np.arange(240, dtype=np.float64)).reshape(60, 4)


def solved() -> list[float]:
    """numpy: the least squares solution of a small system."""
    points = grid()
    return np.linalg.lstsq(points, points @ [1.0, -2.0, 3.0, 0.5] + np.cos(np.arange(60)), rcond=None)[0].tolist()


def classified() -> list[float]:
    """scikit-learn: the probabilities of a classifier that is trained here."""
    points = grid()
    labels = (points[:, 0] + points[:, 1] ** 2 > 0.4).astype(int)
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(points, labels)
    return model.predict_proba(points[:3])[:, 1].tolist()


def inferred() -> list[float]:
    """onnxruntime: the answer of a model that was made elsewhere."""
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": grid()[:2].astype(np.float32)})[0].ravel().tolist()


def main() -> int:
    """Compute, print, compare."""
    found = {"numpy": solved(), "scikit-learn": classified(), "onnxruntime": inferred()}
    versions = {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "onnxruntime": onnxruntime.__version__}
    wanted = json.loads((HERE / "expected.json").read_text())
    wrong = [name for name, values in found.items() if not np.allclose(values, wanted[name], rtol=0, atol=TOLERANCE)]
    said = {"machine": platform.machine(), "agrees": not wrong, "versions": versions, "found": found}
    print(json.dumps(said))
    if wrong:
        print(f"{', '.join(wrong)}: the result is not what every machine must get", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
