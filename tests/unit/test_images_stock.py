"""`fleet images`: equal images of the fleet in one row."""

from __future__ import annotations

from fleet.facts.daemon import Daemon, Image
from fleet.lock import Lock
from fleet.lock.stock import Row, State, rows
from fleet.queries import RemoteImage

INDEX, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def _daemon(*images: Image) -> Daemon:
    return Daemon("28.5.2", images=images)


def test_equal_images_share_a_row_and_others_do_not() -> None:
    """The same tag with another digest or platform is another row; the hosts stand in the order of the run.

    What is not the locked digest has drifted.
    """
    python = Image(("python:3.12-slim",), (f"python@{INDEX}",), "linux/amd64", 100)
    older = Image(("python:3.12-slim",), (f"python@{OTHER}",), "linux/amd64", 90)
    arm = Image(("python:3.12-slim",), (f"python@{INDEX}",), "linux/arm64/v8", 110)
    lock = Lock({"python:3.12-slim": RemoteImage(INDEX, ("linux/amd64",))})
    found = rows({"pi-b": _daemon(arm), "nas": _daemon(python), "desk": _daemon(python), "old": _daemon(older)}, lock)
    assert found == (
        Row("python:3.12-slim", INDEX, "linux/amd64", 100, ("nas", "desk"), State.LOCKED),
        Row("python:3.12-slim", INDEX, "linux/arm64/v8", 110, ("pi-b",), State.LOCKED),
        Row("python:3.12-slim", OTHER, "linux/amd64", 90, ("old",), State.DRIFT),
    )


def test_an_image_that_a_stack_pulled_by_the_locks_digest_is_locked() -> None:
    """It has no tag; another one of the repository, or the digest elsewhere, is not locked."""
    images = [Image((), (f"{name}@{digest}",), "linux/amd64") for name, digest in
              (("registry", INDEX), ("registry", OTHER), ("lan:5000/registry", INDEX))]  # fmt: skip
    found = rows({"nas": _daemon(*images)}, Lock({"registry:3": RemoteImage(INDEX, ("linux/amd64",))}))
    assert {(row.image, row.digest): str(row.state) for row in found} == {
        ("registry:<none>", INDEX): "locked",
        ("registry:<none>", OTHER): "-",
        ("lan:5000/registry:<none>", INDEX): "-",
    }


def test_names_of_images_that_are_not_tagged_or_not_pulled() -> None:
    """A digest counts for its own repository only; an untagged image is shown under its repository, a nameless one as none."""
    found = rows(
        {
            "nas": _daemon(
                Image(("sent:1",), (), "linux/amd64"),
                Image(("mine:1", "python:mine"), (f"python@{INDEX}",), "linux/amd64"),
                Image((), (f"ghcr.io/a/b@{OTHER}",), "linux/amd64"),
                Image((), (), "linux/amd64"),
            )
        },
        Lock({"sent:1": RemoteImage(INDEX, ("linux/amd64",))}),
    )
    assert [(row.image, row.digest, str(row.state)) for row in found] == [
        ("<none>", "", "-"),
        ("ghcr.io/a/b:<none>", OTHER, "-"),
        ("mine:1", "", "-"),
        ("python:mine", INDEX, "-"),
        ("sent:1", "", "?"),
    ]
