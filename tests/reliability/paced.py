"""A worker that says what it begins and takes its time: `python -m paced LEASE SECONDS STORE STUDY`."""

import sys
import time

from barnspider.lab import claims, worker


def main() -> None:
    lease, seconds = (float(given) for given in sys.argv[1:3])
    del sys.argv[1:3]
    claims.LEASE, real = lease, worker.result_of

    def result_of(run, data, *rest):
        print("begun", run.key, file=sys.__stdout__, flush=True)
        time.sleep(seconds)
        return real(run, data, *rest)

    worker.result_of = result_of
    worker.main()


if __name__ == "__main__":
    main()
