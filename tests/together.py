"""Several acts at the same moment, each in a thread of its own."""

import threading
from collections.abc import Callable


def together(*acts: Callable[[], None]) -> list[BaseException]:
    """Run at the same moment; what was raised."""
    gate, raised = threading.Barrier(len(acts)), []

    def run(act: Callable[[], None]) -> None:
        gate.wait(20)
        try:
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised
